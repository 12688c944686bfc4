"""The production server: uvicorn, one process per core, all on one port."""

from __future__ import annotations

import ipaddress
import math
import os
import signal
import sys
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bos.jobs.processes import allow_many_descriptors
from bos.web.health import refuse_pending_migrations
from bos.web.serving import BACKLOG, Child, Config, bind, serve, url_of
from sync.conf import sync_settings
from sync.gateway.server import CUT_OFF_SECONDS, DRAIN_SECONDS

# Those that have not signed in may be 1,000 alone.
FEW_DESCRIPTORS = 4096


class Command(BaseCommand):
    help = "Serve HTTP and WebSockets; SIGTERM drains."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--processes", type=int, help="default: one per core with REDIS_URL, else one"
        )
        parser.add_argument(
            "--worker", action="store_true", help="start `work`, too, as a process of its own"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        processes = options["processes"]
        if processes is None:
            processes = (os.cpu_count() or 1) if settings.REDIS_URLS else 1
        if processes < 1:
            raise CommandError("--processes is at least 1")
        if processes > 1 and not settings.REDIS_URLS:
            raise CommandError(
                "More than one process needs REDIS_URL: limits are counted over all of them."
            )
        if settings.DEBUG and not is_loopback(options["host"]):
            raise CommandError(
                "With DEBUG on, tokens are signed with a key that everybody knows: --host must be "
                "this machine's own (127.0.0.1, ::1, localhost). Set DEBUG=off and SECRET_KEY."
            )
        descriptors = allow_many_descriptors()
        if descriptors < FEW_DESCRIPTORS:
            self.stderr.write(
                f"Only {descriptors} open files are allowed, and each connection is one: raise"
                " `ulimit -n` (systemd: LimitNOFILE) to some thousands more than people connect."
            )
        # First: whoever connects meanwhile is answered once all is ready.
        sockets = bind(options["host"], options["port"])
        refuse_pending_migrations()
        address = url_of(options["host"], sockets[0].getsockname()[1])

        def ready() -> None:
            self.stdout.write(f"Serving on {address} ...")
            self.stdout.flush()

        # uvicorn drains on SIGTERM and then raises it again: drained is ended well.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        work = Child([sys.executable, sys.argv[0], "work", f"--end-with-parent={os.getpid()}"])
        with work if options["worker"] else nullcontext():
            serve(self._config(processes), sockets, ready)

    @staticmethod
    def _config(processes: int) -> Config:
        return Config(
            "bos.asgi:application",
            workers=processes,
            loop="uvloop",
            http="sync.gateway.http_server:HttpProtocol",
            ws="sync.gateway.server:RawWebSocketProtocol",
            ws_max_size=sync_settings().max_message_bytes,
            # The protocol has a heartbeat of its own; deflate would triple memory and halve speed.
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            access_log=False,
            log_config=None,  # the settings' own
            log_level="warning",
            timeout_graceful_shutdown=math.ceil(DRAIN_SECONDS + CUT_OFF_SECONDS),
            backlog=BACKLOG,
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"

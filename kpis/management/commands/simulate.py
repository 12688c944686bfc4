from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kpis.demo.seed import PASSWORD
from kpis.demo.series import Series, flights

if TYPE_CHECKING:
    from kpis.demo.player import Player

CLIENT = "bos_client"


class Command(BaseCommand):
    help = "Play the real days of the demo data forward, over REST and WebSocket like any client."

    def add_arguments(self, parser: CommandParser) -> None:
        port = os.environ.get("PORT", "8000")  # as `make run` takes it
        parser.add_argument("--url", default=f"http://127.0.0.1:{port}")
        parser.add_argument("--email", default="manager@harbor.example")
        parser.add_argument("--password", default=PASSWORD)
        parser.add_argument(
            "--rate", type=float, default=1.5, help="updates a second; 100 a minute are allowed"
        )
        parser.add_argument("--days", type=int, default=0, help="default: all")
        parser.add_argument("--kpi", action="append", default=[], help="only this KPI (its name)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rate"] <= 0:
            raise CommandError("--rate is above 0")
        series = [
            one
            for one in flights(timezone.now().date())
            if not options["kpi"] or one.name in options["kpi"]
        ]
        if not series:
            raise CommandError("No demo KPI has that name.")
        try:
            from bos_client import BosError, ConnectionLost, SignInError
            from kpis.demo.player import NothingToPlay, Player
        except ModuleNotFoundError as error:
            if error.name != CLIENT:
                raise
            raise CommandError(
                "simulate needs the client for Python, which is not installed here:"
                " `pip install ./clients/python` in a checkout of this version."
            ) from None
        player = Player(options["url"], options["email"], options["password"], options["rate"])
        try:
            asyncio.run(self._play(player, series, options["days"]))
        except SignInError as error:
            raise CommandError(f"Not signed in: {error.message} ({error.code})") from error
        except ConnectionLost as error:
            raise CommandError(f"No answer from {options['url']} (--url): {error}") from error
        except (BosError, NothingToPlay, ValueError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("stopped")

    async def _play(self, player: Player, series: list[Series], days: int) -> None:
        with Progress(
            TextColumn("{task.fields[day]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        ) as progress:
            task = progress.add_task("", total=None, day="")
            async for update, sequence in player.play(series, days):
                text = f"{update.name} {update.value} (event {sequence})"
                progress.update(
                    task, total=player.total, advance=1, description=text, day=str(update.day)
                )

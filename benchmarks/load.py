"""Builds the load client and runs it against one server."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.servers import Target

SOURCES = Path(__file__).with_name("wsload")
BUILD = Path(__file__).with_name("build")
BINARY = BUILD / "wsload"

INVALID_EXIT_CODE = 2


def build() -> None:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise SystemExit("The load client needs a C compiler: install gcc, or name one by CC=...")
    BUILD.mkdir(exist_ok=True)
    sources = sorted(SOURCES.glob("*.c"))
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", BINARY, *sources, "-lm"], check=True)


def run(target: Target, directory: Path, options: dict[str, object]) -> dict[str, Any]:
    """One run of the load client: its result with `valid`, `disturbed` and `reason`.

    options: the client's own, {"mode": "fanout", "connections": 1000, "outstanding": 8}. A run is
    `disturbed` where not the server but the machine or the client made it invalid.
    """
    tokens = directory / "tokens"
    tokens.write_text("\n".join(target.tokens) + "\n")
    server_core, core = machine.cores()
    given = {
        "port": target.port,
        "dialect": target.dialect,
        "path": target.path,
        "publish-path": target.publish_path,
        "tokens": tokens,
        "publisher-token": ",".join(target.publisher_tokens),
        "bystander-token": ",".join(target.bystander_tokens),
        "channel": target.channel,
        "kpi": ",".join(target.kpis),
        "frames-per-event": target.frames_per_event,
        "pid": ",".join(map(str, target.pids())),
        "server-core": server_core if target.on_server_core else -1,
        **options,
    }
    command = [str(BINARY), *(f"--{name}={value}" for name, value in given.items())]
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    complaints = done.stderr.strip()
    if done.returncode not in (0, INVALID_EXIT_CODE):
        reason = complaints[-500:] or f"exit code {done.returncode}"
        return {"valid": False, "disturbed": False, "reason": reason}
    result: dict[str, Any] = json.loads(done.stdout)
    if complaints:
        result["reason"] += f"; {complaints.splitlines()[0][:200]}"
    return result

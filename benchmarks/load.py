"""Builds the load client and runs it against one server."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.servers import Target

SOURCE = Path(__file__).with_name("wsload.c")
BINARY = Path(__file__).with_name("build") / "wsload"

MAX_CLIENT_CPU_PERCENT = 95
"""Above it the client, not the server, may be what was measured."""

INVALID_EXIT_CODE = 2


def build() -> None:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise RuntimeError("the load client needs a C compiler")
    BINARY.parent.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", BINARY, SOURCE, "-lm"], check=True)


def run(target: Target, directory: Path, options: dict[str, object]) -> dict[str, Any]:
    """One run of the load client; its result with `valid` and `reason`.

    options: the client's own, {"mode": "fanout", "connections": 1000, "outstanding": 8}
    """
    tokens = directory / "tokens"
    tokens.write_text("\n".join(target.tokens) + "\n")
    given = {
        "port": target.port,
        "tokens": tokens,
        "publisher-token": ",".join(target.publisher_tokens),
        "channel": target.channel,
        "kpi": ",".join(target.kpis),
        "frames-per-event": target.frames_per_event,
        "pid": ",".join(map(str, target.pids())),
        **options,
    }
    command = [str(BINARY), *(f"--{name}={value}" for name, value in given.items())]
    _, core = machine.cores()
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    if done.returncode not in (0, INVALID_EXIT_CODE):
        return {
            "valid": False,
            "reason": done.stderr.strip()[-500:] or f"exit code {done.returncode}",
        }
    return _judged(json.loads(done.stdout), done.stderr.strip())


def _judged(result: dict[str, Any], complaints: str) -> dict[str, Any]:
    reasons = [
        f"{result[name]:g} {name}"
        for name in ("lost", "duplicates", "misordered", "errors")
        if result[name]
    ]
    if not result["received"]:
        reasons.append("nothing was delivered")
    if result["client_cpu_percent"] >= MAX_CLIENT_CPU_PERCENT:
        reasons.append(f"client at {result['client_cpu_percent']:.0f} % of its core")
    if complaints:
        reasons.append(complaints.splitlines()[0][:200])
    return result | {"valid": not reasons and result["valid"], "reason": "; ".join(reasons)}

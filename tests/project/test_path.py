"""`benchmarks.path` counts the functions that ran, and what led from one package to another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import IO

from benchmarks import path, tracing

FILES = {
    "sync/eventlog/log.py": "def append(n): return [n for _ in range(2)]",
    "kpis/services.py": """
from functools import partial
from sync.eventlog.log import append
def change(): return [*map(partial(append), [1, 2])] and note()
def note(): return None
def never(): return None
""",
    "foreign.py": "def call(function): return function()",
    "program.py": """
from threading import Thread
from time import sleep
from foreign import call
from kpis.services import change
while True:
    thread = Thread(target=call, args=[change])
    thread.start()
    thread.join()
    print("CHANGED", flush=True)
    sleep(0.01)
""",
}


def wait_for(output: IO[str], beginning: str) -> str:
    return next(line for line in output if line.startswith(beginning)).removeprefix(beginning)


def test_calls_of_every_thread_are_noted_through_what_is_foreign(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [sys.executable, tracing.__file__, str(tmp_path), "program.py"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            print("begin", file=process.stdin, flush=True)
            wait_for(process.stdout, "NOTING")
            for _ in range(2):  # the first may have begun before
                wait_for(process.stdout, "CHANGED")
            print("end", file=process.stdin, flush=True)
            calls = json.loads(wait_for(process.stdout, "PATH "))
        finally:
            process.kill()
    assert calls == [
        ["", "kpis.services:change"],
        ["kpis.services:change", "kpis.services:note"],
        ["kpis.services:change", "sync.eventlog.log:append"],
    ]


def test_a_call_counts_between_packages_and_between_wings() -> None:
    always = {
        ("", "sync.gateway.consumer:receive"),
        ("sync.gateway.consumer:receive", "sync.eventlog.log:append"),
        ("sync.eventlog.log:append", "sync.models:Event.save"),
        ("kpis.services:change", "sync.eventlog.log:append"),
        ("kpis.services:change", "kpis.services:note"),
    }
    assert path.crossings(always, path.package_of) == {"kpis -> sync": 1}
    assert path.crossings(always, path.wing_of) == {
        "sync.gateway -> sync.eventlog": 1,
        "sync.eventlog -> sync": 1,
        "kpis -> sync.eventlog": 1,
    }
    renewed = ("", "sync.delivery.hub:renew")
    assert path.report([always, always | {renewed}]).splitlines()[1].startswith("4 functions")

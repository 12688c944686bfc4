"""Children that do not outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

ENDS = """
import signal, sys
from bos.jobs.processes import end_with_parent
end_with_parent(int(sys.argv[1]))
print("lives")
"""
FORKS = """
import os, sys, time
from bos.jobs.processes import let_children_end
let_children_end()
if os.fork() == 0:
    if os.fork() == 0:
        print("lives", flush=True)
        sys.exit(0)
    os.wait()
    sys.exit(0)
os.wait()
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_child_whose_parent_has_ended_before_it_could_say_so_ends() -> None:
    ended_before = subprocess.Popen([sys.executable, "-c", ""])
    ended_before.wait()
    done = run(ENDS, str(ended_before.pid))
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")


def test_a_child_whose_parent_is_there_lives() -> None:
    done = run(ENDS, str(os.getpid()))
    assert (done.returncode, done.stdout) == (0, "lives\n")


def test_children_of_children_each_look_at_their_own_parent() -> None:
    assert run(FORKS).stdout == "lives\n"

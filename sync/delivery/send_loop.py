"""The same bytes to many sockets at once, in C where it could be compiled.

uvloop writes to one socket at a time and keeps Python's lock in the system call. A loop of `send`
without the lock costs a fan-out less, and the thread that commits need not wait for it.
`python -m sync.delivery.send_loop` compiles it in place; without it, all goes through the
transports.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from sync import metrics
from sync.conf import sync_settings

try:
    from sync.delivery._send_loop import send_to_all as send_to_all
except ImportError:
    _compiled = False

    def send_to_all(sockets: list[int], data: bytes) -> list[tuple[int, int]]:
        """Send the data to each of the sockets without waiting.

        Return (index, bytes that were sent) of those that did not take all of it, whether they are
        full or broken: 0 then.
        """
        return [(index, 0) for index in range(len(sockets))]

else:
    _compiled = True


def in_use() -> bool:
    """Whether sockets are written to past their transports."""
    return _compiled and sync_settings().send_loop


@metrics.gauge(
    "bos_send_loop",
    "Whether processes write to many sockets at once in C: 1. 0 where that was not compiled, or is"
    " switched off (BOS_SEND_LOOP).",
    over="max",
)
def _in_use() -> float:
    return float(in_use())


def build() -> bool:
    """Compile what is newer than its library, if a C compiler and Python's headers are here."""
    source = Path(__file__).with_name("_send_loop.c")
    library = source.with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX") or ".so"))
    if library.exists() and library.stat().st_mtime >= source.stat().st_mtime:
        return True
    shared = sysconfig.get_config_var("LDSHARED")  # none on Windows
    if not shared:
        return False
    part = library.with_suffix(".part")  # others may build it, or load it, at the same time
    command = [
        *shlex.split(shared),
        *("-O2", "-fPIC", f"-I{sysconfig.get_path('include')}"),
        *(str(source), "-o", str(part)),
    ]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 -- our own
    except OSError:  # no compiler
        return False
    if done.returncode:
        return False
    part.replace(library)
    return True


if __name__ == "__main__" and not build():
    sys.stderr.write("No C compiler, or no headers of Python: messages are sent in pure Python.\n")

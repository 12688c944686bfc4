"""Work on what strangers have brought, in a process of its own with little memory and time.

What it takes too much of ends that process, and neither the worker nor the machine.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

TOO_MUCH_MEMORY = 3
"""Exit code of the child."""


class TookTooMuch(Exception):
    """It took more memory or time than it may; the text says which."""


def call_apart(function: Callable[..., T], *args: Any, megabytes: int, seconds: int) -> T:
    """Call the function in a child, with so much memory besides what this process has.

    seconds: of a processor's time. What it returns or raises is pickled: plain values only, and it
    must leave the database alone, whose connection is its parent's. Raises TookTooMuch.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(writing, function, args, megabytes, seconds)
    os.close(writing)
    try:
        with open(reading, "rb") as pipe:
            answer = pipe.read()
    except BaseException:  # out of time: the child would go on
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == TOO_MUCH_MEMORY:
        raise TookTooMuch(f"it takes more than {megabytes} MB of memory")
    if code == -signal.SIGXCPU:
        raise TookTooMuch(f"it takes more than {seconds} seconds")
    if code != 0:
        raise TookTooMuch("it takes too much")  # killed from outside, or broken in a C library
    done, outcome = pickle.loads(answer)  # noqa: S301 -- of our own child
    if done:
        result: T = outcome
        return result
    raise outcome


def _answer(
    writing: int, function: Callable[..., Any], args: Any, megabytes: int, seconds: int
) -> NoReturn:
    """In the child: nothing of the parent's is cleaned up by it."""
    code = 1
    try:
        _limit(megabytes, seconds)
        try:
            outcome = (True, function(*args))
        except MemoryError:
            raise
        except Exception as error:
            outcome = (False, error)
        answer = pickle.dumps(outcome)
        with open(writing, "wb") as pipe:
            pipe.write(answer)
        code = 0
    except MemoryError:
        code = TOO_MUCH_MEMORY
    finally:
        os._exit(code)


def _limit(megabytes: int, seconds: int) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    limit_memory(megabytes)


def limit_memory(megabytes: int) -> None:
    """This process may take so much more than it has now. Linux only: elsewhere it may take all."""
    if not sys.platform.startswith("linux"):
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + megabytes * 2**20
    _, before = resource.getrlimit(resource.RLIMIT_AS)
    if before != resource.RLIM_INFINITY:
        most = min(most, before)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))

"""Limits of processes, and children that do not outlive their parent."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
MOST_DESCRIPTORS = 2**16
_ending = mmap.mmap(-1, 1)
"""Shared with every process that is forked from this one: not 0 once the worker is to end. Without
a lock, which a child that is killed would leave behind."""


class WorkerEnds(Exception):
    """The worker is to end, and this is far from done: it is to be done by the next one."""


def ask_to_end() -> None:
    """Tell this process and its children that the worker is to end: no job is taken any more, and
    those that take long stop where they can go on later."""
    _ending[0] = 1


def is_ending() -> bool:
    return bool(_ending[0])


def end_with_parent(parent: int) -> None:
    """Called in a child: SIGTERM comes when its parent has ended, however that happened.

    parent: its process id. Linux only; elsewhere a killed parent leaves its children running.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # Ended before that, it tells nobody. Not 1 alone: in a container the parent may be that.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def let_children_end() -> None:
    """Let each process that is forked from here on, at any depth, end with its own parent."""
    parent = os.getpid()

    def remember() -> None:
        nonlocal parent
        parent = os.getpid()

    os.register_at_fork(before=remember, after_in_child=lambda: end_with_parent(parent))


def allow_many_descriptors() -> int:
    """Raise this process's limit of open files as far as it may; how many it may have then.

    Each connection is one. The usual limit of 1,024 is for programs that use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

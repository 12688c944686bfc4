"""The machine a run happens on: its cores, its limits, its description."""

import functools
import os
import platform
import resource
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "django",
    "channels",
    "channels-redis",
    "redis",
    "daphne",
    "uvicorn",
    "uvloop",
    "msgspec",
    "PyJWT",
)


@functools.cache
def cores() -> tuple[int, int]:
    """The server's core and the core of everything else; the same one where there is only one.

    Asked once, before this process itself is confined to one of them.
    """
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def raise_open_files() -> None:
    """As many open files as permitted, inherited by every process started from here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def process_tree(root: int) -> list[int]:
    """A process and all its descendants: a server may work in children."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended since the directory was listed.
        parents[int(stat.parent.name)] = int(after_name[1])
    tree = [root]
    for pid in tree:
        tree += [child for child, parent in parents.items() if parent == pid]
    return tree


def waited_seconds() -> float:
    """How long the main thread of this process was ready to run and another one ran, so far."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def versions() -> str:
    found = [
        f"CPython {platform.python_version()}",
        f"Linux {platform.release().partition('-')[0]}",
    ]
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)

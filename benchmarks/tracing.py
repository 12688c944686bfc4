"""Runs a program of Django and notes which of its own functions call which, in all threads.

A program of its own, without imports of ours: it traces other versions of the code, too.
`python tracing.py ROOT manage.py serve ...` in ROOT. On its standard input, `begin` starts noting,
which it confirms by `NOTING`, and `end` prints `PATH [[caller, callee], ...]`; a caller is "" where
no own function is above.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
from types import CodeType, FrameType
from typing import Any

PACKAGES = ("sync", "bos", "kpis", "collaboration")
# Python 3.12 has no frames for comprehensions; modules run once.
NO_FUNCTIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<module>")


class Tracer:
    def __init__(self, root: str) -> None:
        self._prefixes = tuple(os.path.join(root, package) + os.sep for package in PACKAGES)
        self._root = root
        self._names: dict[CodeType, str] = {}
        self._noting = False
        self._calls: set[tuple[str, str]] = set()

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if not self._noting or event != "call":
            return
        callee = self._name(frame.f_code)
        if callee:
            self._calls.add((self._caller(frame.f_back), callee))

    def obey(self) -> None:
        """Do what the standard input says."""
        for line in sys.stdin:
            if line.strip() == "begin":
                self._calls = set()
                self._noting = True
                print("NOTING", flush=True)
            else:
                self._noting = False
                print("PATH " + json.dumps(sorted(self._calls)), flush=True)

    def _caller(self, frame: FrameType | None) -> str:
        while frame is not None:
            if name := self._name(frame.f_code):
                return name
            frame = frame.f_back
        return ""

    def _name(self, code: CodeType) -> str:
        """The dotted name of an own function, "" for any other code."""
        name = self._names.get(code)
        if name is None:
            is_own = code.co_filename.startswith(self._prefixes)
            module = code.co_filename.removeprefix(self._root + os.sep).removesuffix(".py")
            is_own = is_own and code.co_name not in NO_FUNCTIONS
            name = f"{module.replace(os.sep, '.')}:{code.co_qualname}" if is_own else ""
            self._names[code] = name
        return name


def main() -> None:
    root, *sys.argv = sys.argv[1:]
    sys.path[0] = root
    tracer = Tracer(root)
    threading.Thread(target=tracer.obey, daemon=True).start()
    threading.setprofile(tracer.profile)
    sys.setprofile(tracer.profile)
    runpy.run_path(os.path.join(root, sys.argv[0]), run_name="__main__")


if __name__ == "__main__":
    main()

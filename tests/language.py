"""`python -m tests.language`: find the worst of what makes our texts hard to read.

A docstring or comment that begins with a noun clause ("Who ...", "What ...") leaves open of what it
speaks; "he" leaves open who is meant, and names half of the people; a silenced type error without a
reason, or a line of prose too long for a page, hides what it says. House rules, checked by machine.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READ = (
    "bos",
    "benchmarks",
    "clients",
    "collaboration",
    "docs",
    "kpis",
    "sync",
    "templates",
    "tests",
)
LONGEST = 130
CLAUSE_WORD = r"(?:Who|Whoever|Whom|Whose|What|Whatever)\b"
NOUN_CLAUSE = re.compile(rf"{CLAUSE_WORD}(?!.*\?$)")
PERHAPS_A_CLAUSE = re.compile(rf"[\"']{CLAUSE_WORD}")
"""A file without any is not parsed: that is slow, and most have none."""
NO_SUBJECT = re.compile(r"#\s*(?:Who|Whoever|Whom|Whose)\b(?!.*\?$)")
PRONOUN = re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE)
IGNORED = re.compile(r"#\s*type:\s*ignore(?!\[[a-z-]+(?:, [a-z-]+)*\]  # \S)")
FENCE = re.compile(r"\s*(?:```|~~~)")
GENERATED = {"docs/messages.md"}
NOT_OURS = {"build", "node_modules"}
"""Directories of what is installed, or compiled of what is read elsewhere."""
SERVED = Path("bos/static/bos/workspace")
HERE = {"tests/language.py", "tests/project/test_language.py"}  # they show what is wrong

Problem = tuple[int, str]


def problems_of_python(text: str) -> Iterator[Problem]:
    """Yield the line and what is wrong there, of a Python file."""
    if PERHAPS_A_CLAUSE.search(text):
        yield from _problems_of_docstrings(text)
    if any(NO_SUBJECT.search(line) or IGNORED.search(line) for line in text.splitlines()):
        yield from _problems_of_comments(text)
    yield from problems_of_text(text)


def _problems_of_docstrings(text: str) -> Iterator[Problem]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring)), lineno=line):
                if NOUN_CLAUSE.match(docstring):
                    yield line, "a docstring begins with a noun clause: use a verb, name the thing"


def _problems_of_comments(text: str) -> Iterator[Problem]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if NO_SUBJECT.match(token.string):
            yield token.start[0], "a comment begins with a bare 'who': name the user, the client"
        if IGNORED.match(token.string):
            yield token.start[0], "a type: ignore without its code and a reason"


def problems_of_text(text: str) -> Iterator[Problem]:
    """Yield the line and what is wrong there, of any file that people read."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := PRONOUN.search(line):
            yield number, f"'{found[0]}': say 'the user', 'the client', 'they'"


def problems_of_markdown(text: str) -> Iterator[Problem]:
    """Yield the line and what is wrong there; tables and code may be wide."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= bool(FENCE.match(line))
        if len(line) > LONGEST and not fenced and not line.startswith("|"):
            yield number, f"{len(line)} characters, more than {LONGEST}"
    yield from problems_of_text(text)


CHECKS: dict[str, Callable[[str], Iterator[Problem]]] = {
    ".py": problems_of_python,
    ".md": problems_of_markdown,
    ".html": problems_of_text,
    ".js": problems_of_text,
    ".ts": problems_of_text,
    ".tsx": problems_of_text,
    ".css": problems_of_text,
    ".swift": problems_of_text,
}


def files() -> list[str]:
    """List what people read of the project."""
    found = [*ROOT.glob("*.md"), *(path for top in READ for path in (ROOT / top).rglob("*"))]
    names = [path.relative_to(ROOT) for path in found if path.suffix in CHECKS]
    ours = (name for name in names if name.parent != SERVED and not NOT_OURS & {*name.parts})
    return sorted(map(str, ours))


def problems(names: Iterable[str]) -> Iterator[str]:
    """Yield `path:line: what` for each thing that is wrong in these files."""
    for name in names:
        check = CHECKS.get(Path(name).suffix)
        if check is None or name in GENERATED | HERE or "vendor" in Path(name).parts:
            continue
        found = check((ROOT / name).read_text())
        yield from (f"{name}:{line}: {what}" for line, what in found)


def main() -> int:
    found = list(problems(files()))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

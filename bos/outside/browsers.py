"""Browsers by name, as their `User-Agent` says: so that a person knows them apart."""

from __future__ import annotations

_NAMES = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser_of(user_agent: str) -> str:
    """Return 'Firefox on Linux', or less where it says less."""
    default = "Safari" if "Safari" in user_agent else "A browser"
    name = next((name for mark, name in _NAMES if mark in user_agent), default)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{name} on {system}" if system else name

"""`manage.py runserver` by Daphne.

Its app would bring the same command, and would load Twisted into every process: a fifth of the time
in which a server starts.
"""

from __future__ import annotations

from daphne.management.commands.runserver import Command

__all__ = ["Command"]

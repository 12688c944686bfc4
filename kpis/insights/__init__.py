"""Insights: what is odd, what will come, what to do about it (decision B3).

`statistics`, and `services` that uses it, are imported in the worker only: statsmodels takes
seconds and 200 MB.
"""

FEWEST_DAYS = 28
"""Daily values that insights need."""

CONSTANT = "its history is constant"


def too_few(days: int) -> str:
    """Why there is no insight, to people."""
    return f"needs {FEWEST_DAYS} daily values, has {days or 'none'}"

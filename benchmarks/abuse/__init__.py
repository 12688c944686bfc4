"""What one tenant, or nobody at all, can do to everybody else; see `python -m benchmarks.abuse`."""

"""Attacks of a tenant, or of nobody, on everybody else; see `python -m benchmarks.abuse`."""

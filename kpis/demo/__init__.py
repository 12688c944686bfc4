"""Real public data for the demo; SOURCES.md names where it is from and under which licence."""

"""Connectors: values that the server fetches by itself, by a schedule."""

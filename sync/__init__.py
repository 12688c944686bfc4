"""The real-time kernel: an ordered event log and the connections that follow it.

Knows no business model: only principals, opaque ids and registries that the features fill.
"""

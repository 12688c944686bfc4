"""Measures the server beside the usual way of building it, on the same machine at the same time."""

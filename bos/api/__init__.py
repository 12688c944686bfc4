"""Shared by the REST views under /api/v1."""

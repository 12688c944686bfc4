"""Machines of an organization: service accounts and their keys (decision D1)."""

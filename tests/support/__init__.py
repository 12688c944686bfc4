"""Shared by tests: the cast, servers, clients, doors, networks that break."""

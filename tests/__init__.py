"""Tests over real databases, Redis, sockets and browsers; see docs/testing.md."""

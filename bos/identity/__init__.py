"""Signing in on a page, with a session: second factors, passkeys, other providers (decision D6)."""

"""Shared by all pages of the admin."""

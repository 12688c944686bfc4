"""Deleting departments, people and organizations without losing what is others' (decision V6)."""

"""Tell people what has happened since they looked last."""

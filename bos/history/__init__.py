"""The authors of changes, kept and shown."""

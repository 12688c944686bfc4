"""Database backends: Django's own, with one step before COMMIT (see `sync.eventlog.log`).

Django has a hook after a commit but none before it, and an event must get its place in the order
as the very last thing in its transaction.
"""

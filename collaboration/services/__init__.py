"""Actions in sessions: on sessions, on participants, on notes."""

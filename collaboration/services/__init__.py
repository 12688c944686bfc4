"""What can be done in sessions: with them, with who takes part, with the notes."""

"""The line of time of a thing: all that has happened to it, whichever feature knows of it."""

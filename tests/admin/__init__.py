"""The admin's pages, by requests."""

"""The read side: from the log to each connection once and in order. It knows no ASGI."""

"""Messages leave the socket: by email, web push and chat (decision B7)."""

"""The way in: HTTP and WebSocket protocols, the Channels consumer, requests and their handlers."""

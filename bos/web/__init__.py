"""HTTP: threads, middleware, health, errors, log lines."""

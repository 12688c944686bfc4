"""Events of an organization for other systems, by requests to their endpoints (decision D5)."""

"""The project and its tenants: organizations, people, sign-in, administration."""

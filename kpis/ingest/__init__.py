"""Values that systems deliver: `POST /api/v1/values` and `manage.py ingest` (decision D2)."""

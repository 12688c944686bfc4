"""The values that KPIs have had: read, thinned, and brought in by files."""

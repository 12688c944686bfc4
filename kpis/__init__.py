"""KPIs and the history of their values."""

"""What is measured: KPIs and the history of their values."""

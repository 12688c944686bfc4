"""KPIs that are out of use, with all that they have (decision V6)."""

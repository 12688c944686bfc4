"""Rules that are looked at with each new value, and the alerts that they raise."""

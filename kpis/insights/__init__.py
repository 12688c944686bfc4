"""Insights: what is odd, what will come, what to do about it (decision B3).

`history` reads a KPI's values, `rhythm` recognizes how they come, `series` puts like beside like,
`candidates` fits models to that, `calibration` says how far they have been off, `forecasting` puts
it together and `figures` says it in the KPI's own numbers. Whatever needs NumPy or statsmodels
(from `series` on, and `services`) is imported in the worker only: it takes seconds and 200 MB.
"""

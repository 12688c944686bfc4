"""Django's names for forms of dates and times. A time names its zone: `2026-03-29 14:05 CEST`."""

DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i T"
DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"

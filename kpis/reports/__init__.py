"""Reports (decision B4): asked for here, made by a worker as a PDF or an XLSX file.

`content` reads what a report says with four queries, whatever its size; `pdf` and `xlsx` write it
to a file and know no database.
"""

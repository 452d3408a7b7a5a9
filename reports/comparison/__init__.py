"""Which runs may be compared, and how results are named and written."""

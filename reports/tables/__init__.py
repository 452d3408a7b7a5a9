"""Every table of the report, as a DataFrame and as CSV."""

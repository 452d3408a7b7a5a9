"""Every plot of the report."""

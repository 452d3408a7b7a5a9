"""The data sets of the benchmark: one file each, found by itself."""

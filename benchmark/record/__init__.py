"""The result of a run, the only source of every number."""

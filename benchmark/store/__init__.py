"""The folder of all results: stages with locks and checksums, and notes about runs."""

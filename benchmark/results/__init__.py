"""Finished stages in, records and pictures out."""

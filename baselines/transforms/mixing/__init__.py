"""Transforms that mix the images of a batch, with their labels: one per file."""

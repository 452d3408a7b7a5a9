"""Transforms made of several, one per file."""

"""Transforms that change one thing, one per file: the paper's eight (Q21), and GIN."""

"""Datasets and sources: readers, folds, preparation, phantoms, download. Imports no torch."""

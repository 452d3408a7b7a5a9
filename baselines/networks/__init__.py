"""Segmentation networks and the layers they need."""

"""Diffusion in pixel space that is shown the mask: segmentation-guided diffusion and its kin."""

GENERATORS = ("generator",)

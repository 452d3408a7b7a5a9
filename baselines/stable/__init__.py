"""Stable Diffusion and a ControlNet, fine-tuned per fold: the paper's own generator (III-A to
III-C)."""

GENERATORS = ("generator",)

"""Diffusion models that are trained from scratch: emitdiff and unconditional."""

GENERATORS = ("unconditional", "emitdiff")

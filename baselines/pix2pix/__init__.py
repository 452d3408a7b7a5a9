"""The paper's rival in Table I: edges to image by a U-Net and a PatchGAN."""

GENERATORS = ("generator",)

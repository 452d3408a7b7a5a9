"""Phantoms: made images with a known truth, one module per dataset, so that the whole program runs
without a download.

A phantom is a pure function `case(index, seed, size) -> (image, mask, spacing_mm)`: image float32
(z, y, x) in the units of the modality (HU for CT, arbitrary for MRI, grey levels 0..255 for
ultrasound), mask uint8 (z, y, x) in {0, 1}, spacing_mm (z, y, x). `size` is the number of pixels
of an image row and column (32 to 384). Display orientation: rows from anterior to posterior,
columns from the patient's right to left, z from inferior to superior. numpy and scipy only.

A phantom tests the program and ranks nothing: its results never share a table with those of real
images.
"""

from benchmark.core.registry import Registry

PHANTOMS = Registry(
    "phantom dataset",
    {name: f"datasets.phantoms.{name}:case" for name in ("prostate", "spleen", "breast")},
)
VERSIONS = Registry(
    "phantom dataset",
    {name: f"datasets.phantoms.{name}:VERSION" for name in PHANTOMS},
)


def version(dataset: str) -> int:
    """The phantom's version: it changes whenever the same (index, seed, size) no longer gives the
    same image."""
    return VERSIONS.load(dataset)

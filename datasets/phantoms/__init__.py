"""Phantoms: made images with a known truth, one module per data set, so that the whole program runs
without a download.

A phantom is a pure function `case(index, seed, size) -> (image, mask, spacing_mm)`: image float32
(z, y, x) in the units of the modality (HU for CT, arbitrary for MRI, grey levels 0..255 for
ultrasound), mask uint8 (z, y, x) in {0, 1}, spacing_mm (z, y, x). `size` is the number of pixels
of an image row and column (32 to 384). Display orientation: rows from anterior to posterior,
columns from the patient's right to left, z from inferior to superior. `VERSION` changes whenever
the same (index, seed, size) no longer gives the same image. numpy and scipy only.

A phantom tests the program and ranks nothing: its results never share a table with those of real
images. A data set names its phantom in its file (tasks/).
"""

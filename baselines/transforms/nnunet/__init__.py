"""The parts of nnU-Net v2's augmentations, as batchgeneratorsv2 0.3.6 computes them, in batches."""

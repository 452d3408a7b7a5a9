"""Classic augmentation: the paper's eight transforms, its DeepStack, and TrivialAugment."""

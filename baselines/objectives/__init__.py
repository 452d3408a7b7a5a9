"""What a segmenter's training step sees: real slices, merged variants, and the loss."""

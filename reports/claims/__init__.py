"""What the paper says, and whether the records reproduce it."""

"""Records, read from their files."""

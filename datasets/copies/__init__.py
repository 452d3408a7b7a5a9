"""Near copies: images of two cases that show the same frame or the same lesion."""

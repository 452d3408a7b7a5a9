"""How torch work is done, whatever is trained."""

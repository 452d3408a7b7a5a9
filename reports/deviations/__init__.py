"""What each deviation of the release from the rigorous rules does to a method's gain."""

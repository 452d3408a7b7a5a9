"""What may be concluded from paired case values: intervals, tests, ties, ranks, variance. Arrays
in, numbers out.

Not here: which runs may be compared (groups.py).
"""

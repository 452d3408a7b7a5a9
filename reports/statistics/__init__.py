"""What may be concluded from paired case values: intervals, tests, ties, ranks, variance. Arrays in, numbers out.

Callers: reports/inference.py, reports/sweeps.py, reports/claims.py. Not here: which runs may be compared (groups.py).
"""

"""Records, read from their files.

    from reports.records import load

    records = load("reports/published/cpu-128px")
    records.cases    # a DataFrame, one row per test case of each run

What follows from them: `paired` of reports/tables/pairs.py.
"""

from reports.records.load import Records
from reports.records.load import read as load

__all__ = ["Records", "load"]

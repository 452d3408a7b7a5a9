"""Results from outside: packed into one file, checked without trust, merged with the page's own
records.

pack.py writes a submission, validate.py checks one, merge.py puts the valid ones beside our
records. A submission is data alone: a zip of canonical JSON and bit-packed masks, read in memory;
nothing in it is unpacked to disk or executed.
"""

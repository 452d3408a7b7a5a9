"""The methods that are compared, and the segmenters they are compared with."""

"""Cases as 2-D slices of the working size, with edges."""

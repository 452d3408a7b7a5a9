"""Downloads of published data: addresses, checks, unpacking."""

"""One file per stage: its spec, its function, what decides its cost."""

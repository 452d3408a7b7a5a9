"""Ground floor: errors, registries, files, keys. It knows nothing of runs."""

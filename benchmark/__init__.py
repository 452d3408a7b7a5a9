"""The harness: specs, protocols, stages, store, metrics and records."""

"""Records in the formats of others: JSON Schema, Croissant, evaluation results of a hub."""

"""Records in, tables, figures and an HTML page out. Nothing here trains, scores or imports
torch."""

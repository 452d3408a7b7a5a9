"""From a request to the graph of stages, and a forecast of its cost."""

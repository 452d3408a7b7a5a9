"""Engines: what computes a graph of stages. All share nothing but the store."""

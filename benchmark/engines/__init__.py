"""Engines: what computes a graph of stages. All share nothing but the store.

Each is a function run(nodes, store, device, watch, options) -> failures by key, those of skipped
stages included.
"""

from benchmark.core.registry import Registry

ENGINES = Registry(
    "engine",
    {
        "inline": "benchmark.engines.inline:run",
        "processes": "benchmark.engines.processes:run",
        "ray": "benchmark.engines.ray_engine:run",
    },
)

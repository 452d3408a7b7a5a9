"""Engines: what computes a graph of stages. All share nothing but the store.

Each is a function run(nodes, store, how, watch, on_done) -> failures by key, those of skipped
stages included. how: an Execution; watch: shows a stage at work; on_done: called after each stage,
one call at a time.
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

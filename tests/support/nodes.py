"""Small nodes for tests of what handles nodes, whatever they compute."""

from benchmark.stages.catalogue import Node
from benchmark.stages.predict import PredictSpec
from benchmark.stages.prepare import PrepareSpec
from benchmark.stages.score import ScoreSpec


def prepare_node(number: int = 0) -> Node:
    """A node without inputs; another number, another key."""
    spec = PrepareSpec(
        dataset="prostate",
        source="phantom",
        fingerprint=str(number),
        options={},
        size=64,
        intensity="slice-percentile",
        edge="scharr",
        edge_weights=None,
    )
    return Node(spec)


def predict_node(inputs: dict[str, str | list[str]]) -> Node:
    """A node that reads `inputs`."""
    return Node(PredictSpec(cases=("a",), minimum_foreground=None), inputs)


def score_node(number: int = 0, inputs: dict[str, str | list[str]] | None = None) -> Node:
    """A node that computes at once; another number, another key."""
    spec = ScoreSpec(
        empty_mask="penalty", resize_z=False, truth="native", nsd_tolerance=1.0 + number
    )
    return Node(spec, inputs or {})

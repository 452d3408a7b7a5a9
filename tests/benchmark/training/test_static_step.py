"""The step that a GPU records gives the plain loop's weights bit for bit, for every objective,
transform and stack. It is recorded here on the CPU (tests/support/taped.py)."""

import copy

import pytest
import torch
from torch import nn

from baselines.objectives import objectives
from baselines.transforms import base
from baselines.transforms.augmenter import make_augmenter
from baselines.transforms.catalogue import transforms
from baselines.transforms.nnunet import filters
from benchmark.core.identity import named_seed
from benchmark.training import segmenter
from benchmark.training.budget import Training
from benchmark.training.graphs import WARM_UP_STEPS, Graphs
from benchmark.training.segmenter import Phases, batches, fit, learning_rate_factor, make_fabric
from tests.support.taped import Tapes

SIZE, SLICES, SEED = 16, 7, 3
TRAINING = Training(
    epochs=7,
    batch_size=3,  # the last batch of an epoch is of one slice
    learning_rate=1e-2,
    weight_decay=0.01,
    lr_schedule="cosine",
    shuffle=True,
    validate_every=1,
)


def numbers(*shape: int, levels: int = 256) -> torch.Tensor:
    return torch.randint(
        levels, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(len(shape))
    )


def shown(own=None, transform=None, renormalise=False) -> dict:
    augment = own and make_augmenter(transform, renormalise=renormalise, own=own)
    return {
        "images": numbers(SLICES, SIZE, SIZE),
        "masks": numbers(SLICES, SIZE, SIZE, levels=2),
        "loss": objectives.dice_ce(False),
        "augment": augment,
    }


def variants(**more) -> dict:
    return {"variants": numbers(2, SLICES, SIZE, SIZE), "alpha": 0.6, **more}


OBJECTIVES = {
    "none": lambda own: objectives.RealObjective(**shown()),
    **{
        name: lambda own, name=name: objectives.RealObjective(**shown(own, name))
        for name in transforms()
    },
    "renormalised": lambda own: objectives.RealObjective(**shown(own, "deepstack", True)),
    "merged images": lambda own: objectives.MergedImages(
        **shown(own, "noise"), **variants(patch_size=4)
    ),
    "all variants": lambda own: objectives.MergedImages(
        **shown(), **variants(patch_size=4, all_variants=True)
    ),
    "merged logits": lambda own: objectives.MergedLogits(
        **shown(own, "deepstack"), **variants(patch_size=4)
    ),
    "joined pairs": lambda own: objectives.JoinedPairs(
        **shown(own, "rotate"),
        **variants(variant_masks=numbers(2, SLICES, SIZE, SIZE, levels=2)),
    ),
    "pairs alone": lambda own: alone(own),
    "pairs first": lambda own: objectives.Pretrained(
        **shown(),
        first=alone(own),
        then=objectives.RealObjective(**shown(own, "mirror")),
        synthetic_epochs=5,
    ),
}


def alone(own) -> objectives.SyntheticAlone:
    return objectives.SyntheticAlone(
        **shown(own, "gamma"),
        variants=numbers(2, SLICES, SIZE, SIZE),
        variant_masks=numbers(2, SLICES, SIZE, SIZE, levels=2),
    )


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2, 1)
    )


def plain(model: nn.Module, objective, own: torch.Generator) -> dict[str, torch.Tensor]:
    """The loop as one would write it down."""
    order = torch.Generator().manual_seed(named_seed(SEED, "segmenter", "order"))
    rng = torch.Generator().manual_seed(named_seed(SEED, "segmenter", "step"))
    rate, steps = TRAINING.learning_rate, -(-objective.items // 3) * TRAINING.epochs
    adamw = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    done = 0
    for epoch in range(1, TRAINING.epochs + 1):
        show = objective.of_epoch(epoch) if isinstance(objective, Phases) else objective
        for items in batches(torch.randperm(objective.items, generator=order), 3, False):
            adamw.param_groups[0]["lr"] = rate * learning_rate_factor(done, steps, "cosine")
            adamw.zero_grad()
            loss, _ = show(model, items, rng)
            loss.backward()
            adamw.step()
            done += 1
    return model.state_dict()


def on_tape(monkeypatch, tapes: Tapes) -> Graphs:
    """Steps of `fit` are recorded from now on, and read their learning rate in a tensor, as on a
    GPU."""
    graphs = Graphs(tapes)
    monkeypatch.setattr(segmenter, "make_graphs", lambda *given, **named: graphs)
    monkeypatch.setattr(
        segmenter,
        "recordable",
        lambda device, rate: {"lr": torch.full((), rate, dtype=torch.float64)},
    )
    return graphs


def same(one: dict, two: dict) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one | two)


def fitted(model: nn.Module, objective, own: torch.Generator) -> segmenter.Fit:
    return fit(
        model,
        objective,
        objective.items,
        TRAINING,
        select=None,
        fabric=make_fabric("cpu"),
        seed=SEED,
        generators={"augment": own},
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_recorded_training_ends_with_the_weights_of_the_plain_loop(monkeypatch, name):
    for module in (base, filters):
        monkeypatch.setattr(module, "on_gpu", lambda what: True)
    model, own = network(), [torch.Generator().manual_seed(8) for _ in range(3)]
    expected = plain(copy.deepcopy(model), OBJECTIVES[name](own[0]), own[0])
    assert same(expected, fitted(copy.deepcopy(model), OBJECTIVES[name](own[1]), own[1]).state)

    tapes = Tapes()
    graphs = on_tape(monkeypatch, tapes)
    found = fitted(model, OBJECTIVES[name](own[2]), own[2])
    assert same(expected, found.state)
    assert graphs.told == found.graphs == {"graphs": {"how": "graph"}}
    assert tapes.plain + tapes.replays == found.steps
    if name != "pairs first":  # whose second part is too short for its odd batch
        sizes = 1 + (OBJECTIVES[name](own[2]).items % 3 > 0)  # an odd last batch
        assert (tapes.plain, tapes.recordings) == (sizes * WARM_UP_STEPS, sizes)

"""Synthetic slices in the place of the real ones, or before them: what is shown, when, and that a
training that was killed goes on in the right phase."""

import pytest
import torch
from torch import nn

from baselines.objectives.objectives import Pretrained, RealObjective, SyntheticAlone, dice_ce
from benchmark.training import segmenter
from benchmark.training.budget import Training
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.graphs import WARM_UP_STEPS, Graphs
from benchmark.training.segmenter import fit, make_fabric
from tests.support.taped import Tapes

SIZE, SLICES, EPOCHS = 8, 6, 5


def real() -> dict:
    """Slices of grey value 10 and variants of 110 or 210, each with a mask of its own."""
    return {
        "images": torch.full((SLICES, SIZE, SIZE), 10, dtype=torch.uint8),
        "masks": torch.zeros(SLICES, SIZE, SIZE, dtype=torch.uint8),
        "loss": dice_ce(False),
    }


def alone(**more) -> SyntheticAlone:
    variants = torch.tensor([110, 210], dtype=torch.uint8)[:, None, None, None]
    masks = torch.zeros(2, SLICES, SIZE, SIZE, dtype=torch.uint8)
    masks[0, :, :4], masks[1, :, 4:] = 1, 1
    return SyntheticAlone(
        **real(),
        variants=variants.expand(2, SLICES, SIZE, SIZE).clone(),
        variant_masks=masks,
        **more,
    )


def phases(synthetic_epochs: int) -> Pretrained:
    return Pretrained(
        **real(),
        first=alone(),
        then=RealObjective(**real()),
        synthetic_epochs=synthetic_epochs,
    )


class Seen(nn.Module):
    """Remembers the grey values that it was shown."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(1, 2, 3, padding=1)
        self.greys: list[list[int]] = []

    def forward(self, images):
        self.greys.append(((images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist())
        return self.body(images)


def trained(objective, model: nn.Module | None = None, **more):
    training = Training(
        epochs=EPOCHS,
        batch_size=3,
        learning_rate=1e-2,
        weight_decay=0.0,
        lr_schedule="cosine",
        shuffle=True,
        validate_every=1,
    )
    return fit(
        model or Seen(),
        objective,
        objective.items,
        training,
        select=None,
        fabric=make_fabric("cpu"),
        seed=1,
        **more,
    )


def test_no_real_slice_is_shown_and_labels_are_those_of_the_variants():
    seen = []

    def loss(logits, labels):
        seen.append(labels)
        return logits.mean()

    objective, model = alone(), Seen()
    object.__setattr__(objective, "loss", loss)
    items = torch.arange(SLICES).repeat(20)
    _, presented = objective(model, items, torch.Generator().manual_seed(0))
    assert presented == {"synthetic": 120}
    greys = torch.tensor(model.greys[0])
    assert set(greys.tolist()) == {110, 210}
    assert torch.equal(seen[0][:, 0, 0] == 1, greys == 110)
    assert torch.equal(seen[0][:, -1, 0] == 1, greys == 210)


def test_all_variants_are_an_epoch_where_pairing_asks_for_it():
    assert (alone().items, alone(all_variants=True).items) == (SLICES, 2 * SLICES)


@pytest.mark.parametrize("first", [0, 2, EPOCHS])
def test_the_first_epochs_are_synthetic_and_the_others_real(first):
    model = Seen()
    done = trained(phases(first), model)
    shown = [set(batch) for batch in model.greys]
    assert all(batch <= {110, 210} for batch in shown[: 2 * first])
    assert all(batch == {10} for batch in shown[2 * first :])
    # as many steps as a training on real slices alone
    assert done.steps == trained(RealObjective(**real())).steps == 2 * EPOCHS
    assert done.presented == {
        "real": SLICES * (EPOCHS - first),
        "synthetic": SLICES * first,
    }


class Killed(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_killed_training_goes_on_in_its_phase(tmp_path, epoch):
    def kill(step: int, *_, **__):
        if step > 2 * epoch:
            raise Killed

    whole = trained(phases(2))
    checkpoint = Checkpoint(tmp_path / "state", every_seconds=0.0)
    with pytest.raises(Killed):
        trained(phases(2), checkpoint=checkpoint, report=kill)
    again = trained(phases(2), checkpoint=Checkpoint(tmp_path / "state", every_seconds=0.0))
    assert all(torch.equal(again.state[name], whole.state[name]) for name in whole.state)
    assert again.presented == whole.presented


def test_each_phase_is_recorded_by_itself(monkeypatch):
    """What a recorded step shows cannot change, so that the second phase is a recording of its
    own."""
    plain = trained(phases(3))
    tapes = Tapes()
    graphs = Graphs(tapes)
    monkeypatch.setattr(segmenter, "make_graphs", lambda *given, **named: graphs)
    monkeypatch.setattr(
        segmenter,
        "recordable",
        lambda device, rate: {"lr": torch.full((), rate, dtype=torch.float64)},
    )
    found = trained(phases(3))
    assert all(torch.equal(found.state[name], plain.state[name]) for name in plain.state)
    assert (tapes.plain, tapes.recordings) == (2 * WARM_UP_STEPS, 1)  # the real steps are but 4

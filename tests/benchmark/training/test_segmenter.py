"""The training loop and the objectives: order, selection, schedule, merging, and what is
presented."""

import pytest
import torch
from monai.losses import DiceCELoss
from torch import nn

from baselines.objectives.objectives import (
    JoinedPairs,
    MergedImages,
    MergedLogits,
    RealObjective,
    dice_ce,
)
from benchmark.core.errors import InputError
from benchmark.training.budget import Training
from benchmark.training.prediction import foreground_counts, foreground_probability
from benchmark.training.segmenter import (
    batches,
    fit,
    learning_rate_factor,
    make_fabric,
)

SIZE = 16


class Tiny(nn.Module):
    """Two pixelwise convolutions; remembers the batches it saw."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
        self.seen: list[torch.Tensor] = []

    def forward(self, images):
        self.seen.append(images.detach().clone())
        return self.body(images)


@pytest.fixture
def slices():
    """Ten slices whose grey level names them, and masks of bright squares."""
    images = torch.arange(10, dtype=torch.uint8)[:, None, None].repeat(1, SIZE, SIZE) * 20
    masks = torch.zeros(10, SIZE, SIZE, dtype=torch.uint8)
    masks[:, 4:9, 4:9] = 1
    images = images + 30 * masks
    return {"images": images, "masks": masks, "loss": dice_ce(False)}


def training(**changes) -> Training:
    values = {
        "epochs": 2,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "weight_decay": 0.0,
        "lr_schedule": "cosine",
        "shuffle": True,
        "validate_every": 1,
    }
    return Training(**values | changes)


def order_of(model: Tiny) -> list[int]:
    """Slice numbers in the order in which they were shown."""
    levels = torch.cat([batch[:, 0, 0, 0] for batch in model.seen])
    return ((levels + 1) * 127.5 / 20).round().int().tolist()


def test_shuffle_off_shows_neighbouring_slices_in_file_order(slices):
    model = Tiny()
    fit(
        model,
        RealObjective(**slices),
        10,
        training(shuffle=False, epochs=1),
        select=None,
        fabric=make_fabric("cpu"),
        seed=0,
    )
    assert order_of(model) == list(range(10))


def test_shuffle_shows_every_slice_once_per_epoch_in_a_new_order(slices):
    model = Tiny()
    done = fit(
        model,
        RealObjective(**slices),
        10,
        training(),
        select=None,
        fabric=make_fabric("cpu"),
        seed=0,
    )
    first, second = order_of(model)[:10], order_of(model)[10:]
    assert sorted(first) == sorted(second) == list(range(10)) and first != second
    assert (done.steps, done.presented) == (6, {"real": 20, "synthetic": 0})


def test_the_order_of_slices_does_not_depend_on_the_method(slices):
    variants = slices["images"][None].repeat(3, 1, 1, 1)
    models = Tiny(), Tiny()
    objectives = (
        RealObjective(**slices),
        MergedImages(**slices, variants=variants, alpha=0.5, patch_size=4),
    )
    for model, objective in zip(models, objectives, strict=True):
        fit(model, objective, 10, training(), select=None, fabric=make_fabric("cpu"), seed=3)
    assert order_of(models[0]) == order_of(models[1])


def test_selection_keeps_the_first_best_checkpoint(slices):
    scores = iter([0.1, 0.9, 0.9, 0.3])
    states = []

    def select(model):
        states.append({k: v.clone() for k, v in model.module.state_dict().items()})
        return next(scores)

    done = fit(
        Tiny(),
        RealObjective(**slices),
        10,
        training(epochs=4),
        select=select,
        fabric=make_fabric("cpu"),
        seed=0,
    )
    assert done.epoch == 2 and [row["dice"] for row in done.curve] == [0.1, 0.9, 0.9, 0.3]
    assert all(torch.equal(done.state[name], states[1][name]) for name in done.state)
    assert any(not torch.equal(states[3][name], states[1][name]) for name in done.state)


def test_without_selection_the_last_weights_are_taken(slices):
    done = fit(
        Tiny(),
        RealObjective(**slices),
        10,
        training(epochs=3),
        select=None,
        fabric=make_fabric("cpu"),
        seed=0,
    )
    assert done.epoch == 3 and "dice" not in done.curve[-1]


def test_training_learns_and_repeats_exactly(slices):
    def train():
        fabric = make_fabric("cpu")
        done = fit(
            Tiny(),
            RealObjective(**slices),
            10,
            training(epochs=15),
            select=None,
            fabric=fabric,
            seed=1,
        )
        return done

    one, two = train(), train()
    assert one.curve[-1]["loss"] < 0.8 * one.curve[0]["loss"]
    assert one.curve == two.curve


def test_a_loss_that_is_not_finite_names_the_step(slices):
    def broken(model, items, rng):
        return model.body(torch.zeros(1, 1, 4, 4)).sum() * float("nan"), {"real": len(items)}

    with pytest.raises(RuntimeError, match="not finite in epoch 1, by step 3"):
        fit(Tiny(), broken, 10, training(), select=None, fabric=make_fabric("cpu"), seed=0)


def test_schedules():
    assert [learning_rate_factor(s, 100, "constant") for s in (0, 50, 99)] == [1, 1, 1]
    cosine = [learning_rate_factor(s, 100, "cosine") for s in range(100)]
    assert cosine[0] < 0.2 and max(cosine) <= 1 and cosine[-1] < 0.01 and cosine[60] < cosine[30]


def shown(objective, seed=0):
    """What one step of an objective shows for slices 0..5."""
    model = Tiny()
    loss, presented = objective(model, torch.arange(6), torch.Generator().manual_seed(seed))
    return model, loss, presented


def test_merging_at_the_image_takes_each_patch_from_one_of_the_two(slices):
    variants = torch.full((2, 10, SIZE, SIZE), 255, dtype=torch.uint8)
    model, _, presented = shown(MergedImages(**slices, variants=variants, alpha=0.5, patch_size=4))
    merged, real = model.seen[0][:, 0], slices["images"][:6].float() / 127.5 - 1
    synthetic = merged == 1
    assert torch.allclose(merged[~synthetic], real[~synthetic], atol=1e-6)
    blocks = synthetic.unfold(1, 4, 4).unfold(2, 4, 4).float().mean((-1, -2))
    assert set(blocks.unique().tolist()) == {0.0, 1.0}
    assert presented == {"real": 6, "synthetic": 6}


@pytest.mark.parametrize("kind", [MergedImages, MergedLogits])
def test_alpha_one_is_training_on_real_slices_alone(slices, kind):
    variants = torch.randint(0, 256, (2, 10, SIZE, SIZE), dtype=torch.uint8)
    _, merged, _ = shown(kind(**slices, variants=variants, alpha=1.0, patch_size=4))
    _, real, _ = shown(RealObjective(**slices))
    assert torch.allclose(merged, real, atol=1e-6)


def test_merging_at_the_logits_makes_two_passes_and_is_another_method(slices):
    variants = 255 - slices["images"][None]
    at_image, image_loss, _ = shown(
        MergedImages(**slices, variants=variants, alpha=0.5, patch_size=4)
    )
    at_logits, logits_loss, _ = shown(
        MergedLogits(**slices, variants=variants, alpha=0.5, patch_size=4)
    )
    assert len(at_image.seen) == 1 and len(at_logits.seen) == 2
    assert torch.allclose(
        at_logits.seen[0][:, 0], slices["images"][:6].float() / 127.5 - 1, atol=1e-6
    )
    assert torch.allclose(at_logits.seen[1][:, 0], variants[0, :6].float() / 127.5 - 1, atol=1e-6)
    assert not torch.allclose(image_loss, logits_loss)


def test_joined_pairs_weigh_real_and_synthetic_by_alpha(slices):
    variants, masks = 255 - slices["images"][None], 1 - slices["masks"][None]

    def loss(alpha):
        return shown(JoinedPairs(**slices, variants=variants, variant_masks=masks, alpha=alpha))[1]

    _, real, _ = shown(RealObjective(**slices))
    assert torch.allclose(loss(1.0), real, atol=1e-6)
    assert torch.allclose(loss(0.25), 0.25 * loss(1.0) + 0.75 * loss(0.0), atol=1e-6)


def test_all_variants_pair_every_slice_with_every_variant(slices):
    objective = MergedImages(
        **slices,
        variants=slices["images"][None].repeat(3, 1, 1, 1),
        all_variants=True,
        patch_size=4,
    )
    assert objective.items == 30
    rows, variant = objective.pair(torch.arange(30), torch.Generator())
    assert set(zip(rows.tolist(), variant.tolist(), strict=True)) == {
        (r, v) for r in range(10) for v in range(3)
    }


def test_probabilities_do_not_depend_on_the_batch(slices):
    model, fabric = Tiny(), make_fabric("cpu")
    images = slices["images"].numpy()
    small, large = (foreground_probability(model, images, fabric, size) for size in (3, 10))
    assert abs(small - large).max() < 1e-6


def test_counts_are_those_of_the_probabilities(slices):
    model, fabric = Tiny(), make_fabric("cpu")
    images, masks = slices["images"], slices["masks"].clone()
    masks[3] = 0
    found = foreground_probability(model, images.numpy(), fabric) > 0.5
    truth = masks.numpy() > 0
    expected = [stack.sum((1, 2)) for stack in (found, truth, found & truth)]
    counts = foreground_counts(model, images, masks, fabric)
    assert counts.T.tolist() == [stack.tolist() for stack in expected]
    assert 0 < counts[:, 2].sum() < counts[:, 0].sum() and counts[3, 1] == 0
    assert foreground_counts(model, images[:0], masks[:0], fabric).shape == (0, 3)


@pytest.mark.parametrize("of_batch", [False, True])
@pytest.mark.parametrize("background", [True, False])
def test_the_loss_is_monais(background, of_batch):
    """Values and gradients, a slice without foreground and one without background among them."""
    rng = torch.Generator().manual_seed(0)
    labels = (torch.rand(4, 9, 9, generator=rng) > 0.8).long()
    labels[1], labels[2] = 0, 1
    given = [(4 * torch.randn(4, 2, 9, 9, generator=rng)).requires_grad_()]
    given.append(given[0].detach().clone().requires_grad_())
    theirs = DiceCELoss(
        include_background=background, to_onehot_y=True, softmax=True, batch=of_batch
    )(given[0], labels[:, None])
    ours = dice_ce(background, of_batch)(given[1], labels)
    theirs.backward()
    ours.backward()
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(given[1].grad, given[0].grad, rtol=1e-4, atol=1e-7)


def test_bfloat16_is_another_number_format_and_close(slices, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)

    def train(precision):
        fabric = make_fabric("cpu", precision)
        return fit(
            Tiny(),
            RealObjective(**slices),
            10,
            training(epochs=5),
            select=None,
            fabric=fabric,
            seed=1,
        )

    exact, automatic, half, native = (
        train(name) for name in ("float32", "auto", "bfloat16", "native")
    )
    assert exact.curve == automatic.curve != half.curve == native.curve
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert train("native").curve == exact.curve
    assert half.curve[-1]["loss"] == pytest.approx(exact.curve[-1]["loss"], rel=0.05)
    assert all(value.dtype == torch.float32 for value in half.state.values())


@pytest.mark.parametrize(
    ("rows", "size", "company", "sizes"),
    [
        (9, 8, False, [8, 1]),
        (9, 8, True, [7, 2]),
        (10, 8, True, [8, 2]),
        (16, 8, True, [8, 8]),
        (4, 3, True, [2, 2]),
        (17, 8, True, [8, 7, 2]),
        (1, 8, False, [1]),
    ],
)
def test_no_batch_of_one_where_a_network_cannot_train_on_it(rows, size, company, sizes):
    order = torch.randperm(rows)
    found = batches(order, size, company)
    assert [len(part) for part in found] == sizes
    assert torch.equal(torch.cat(found), order)


def test_a_single_training_slice_is_refused_where_two_are_needed():
    with pytest.raises(InputError, match="holds one slice.*needs two"):
        batches(torch.arange(1), 8, True)

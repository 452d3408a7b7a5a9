"""Stage fit-segmenter: a segmenter, with the checkpoint that the selection rule chose."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.identity import named_seed
from benchmark.spec.method import OWN_PREFIX, pretraining_epochs
from benchmark.stages.base import AGREEMENT_FILE, Context, Inputs, StageSpec
from benchmark.stages.leaks import refuse_leaks
from benchmark.training.budget import Training

if TYPE_CHECKING:
    import torch

    from baselines.objectives.objectives import SliceObjective
    from datasets.slices.preparation import Prepared


_UNTESTED = "a transform of your own is not recorded"


class Synthetic(Frozen):
    """How samples join the real slices.

    merge: "join" puts pairs beside them, "pretrain" shows them in the first epochs, the real slices
    in the others, "only" shows no real slice; patch_size: of a merge by patch, pixels; alpha: share
    of the real; pairing: switch of the protocol; minimum_agreement: samples below it are dropped;
    unseen: the run's test cases, which no generator of the samples may have been trained on.
    """

    merge: Literal["join", "image", "logits", "pretrain", "only"]
    patch_size: int | None
    alpha: float | None
    pairing: str
    minimum_agreement: float | None
    unseen: tuple[str, ...]

    def describe(self) -> str:
        return f"synthetic joined by {self.merge}"


class FitSegmenterSpec(StageSpec):
    """train: the cases that are learned, select_on: those that choose the checkpoint ((): the last
    one is taken); minimum_foreground: pixels that a slice must have more of, if any must (Q9);
    selection_dice, loss: switches of the protocol; precision: see `make_fabric`."""

    stage: ClassVar[str] = "fit-segmenter"
    version: ClassVar[int] = 3

    architecture: str
    train: tuple[str, ...]
    select_on: tuple[str, ...]
    selection_dice: Literal["case", "batch"]
    minimum_foreground: int | None
    transform: str | None
    renormalise: bool
    loss: Literal["dice-ce", "dice-ce-batch"]
    dice_background: bool
    synthetic: Synthetic | None
    training: Training
    precision: str
    seed: int

    def describe(self) -> str:
        parts = [self.transform] if self.transform else []
        parts += [self.synthetic.describe()] if self.synthetic else []
        return f"{self.architecture}, {' + '.join(parts) or 'real slices alone'}"

    def method_class(self) -> str | None:
        return self.transform

    def cost_kind(self) -> list[Any]:
        training = self.training.model_dump(mode="json")
        return [self.architecture, training, self.synthetic is not None, self.precision]

    def network(self) -> str:
        return self.architecture


def run(spec: FitSegmenterSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """weights.safetensors of the chosen checkpoint, and curve.csv."""
    import torch
    from safetensors.torch import save_file

    from baselines.networks.architectures import build, load_pretrained, needs_company
    from benchmark.metrics.overlap import mean_batch_dice, mean_case_dice
    from benchmark.training.prediction import foreground_counts
    from benchmark.training.segmenter import fit, make_fabric
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    fabric = make_fabric(context.device, spec.precision)
    rows = data.rows(spec.train, spec.minimum_foreground)
    if not data.masks[rows].any():
        raise InputError(
            "no training slice has any foreground, so there is nothing to learn; add cases with a"
            " mask."
        )
    if spec.synthetic is not None:
        refuse_leaks(inputs["synthesize"], spec.synthetic.unseen)
    generators = _generators(spec, fabric.device)
    objective, counts = _objective(
        spec, data, rows, inputs, fabric.device, generators.get("augment")
    )
    held_out = data.rows(spec.select_on, spec.minimum_foreground)
    images, masks = (
        torch.from_numpy(stack[held_out]).to(fabric.device) for stack in (data.images, data.masks)
    )

    def select(model) -> float:
        counts = foreground_counts(model, images, masks, fabric)
        if spec.selection_dice == "batch":
            return mean_batch_dice(counts)
        return mean_case_dice(counts, data.case_index[held_out])

    model = build(
        spec.architecture,
        data.images.shape[-1],
        seed=named_seed(spec.seed, "segmenter", "weights"),
    )
    load_pretrained(spec.architecture, model)
    fitted = fit(
        model,
        objective,
        objective.items,
        spec.training,
        select=select if len(held_out) else None,
        fabric=fabric,
        seed=spec.seed,
        report=context.report,
        checkpoint=context.checkpoint,
        company=needs_company(spec.architecture, data.images.shape[-1]),
        generators=generators,
        graphs=context.graphs,
        compiles=context.compiles,
        obstacle=_UNTESTED if (spec.transform or "").startswith(OWN_PREFIX) else "",
    )
    save_file(fitted.state, out / "weights.safetensors")
    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["epoch", "step", "loss", "dice"], restval="")
        writer.writeheader()
        writer.writerows(fitted.curve)
    return {
        "steps": fitted.steps,
        "presented": fitted.presented,
        "selected_epoch": fitted.epoch,
        "slices": len(rows),
        **counts,
        "precision": fabric.strategy.precision.precision,
        **fitted.shortage,
        **fitted.graphs,
    }


def _generators(spec: FitSegmenterSpec, device: "torch.device") -> dict[str, "torch.Generator"]:
    """What steps draw from beside the generator that they are given. On a CPU nothing: there the
    augmenter follows from that one."""
    import torch

    if device.type == "cpu":
        return {}
    seed = named_seed(spec.seed, "segmenter", "augment")
    return {"augment": torch.Generator(device).manual_seed(seed)}


def _objective(
    spec: FitSegmenterSpec,
    data: "Prepared",
    rows: np.ndarray,
    inputs: Inputs,
    device: "torch.device",
    own: "torch.Generator | None",
) -> tuple["SliceObjective", dict[str, int]]:
    """What a training step shows to the network, with all its images on the device; and what a
    filter of the samples dropped. own: what a transform draws from, see Augmenter."""
    import torch

    from baselines.objectives import objectives
    from baselines.objectives.sample_filter import SampleFilter
    from baselines.objectives.variants import load_variants
    from baselines.transforms.augmenter import make_augmenter

    augment = None
    if spec.transform is not None or spec.renormalise:
        augment = make_augmenter(spec.transform, renormalise=spec.renormalise, own=own)
    images = torch.from_numpy(data.images[rows]).to(device)
    masks = torch.from_numpy(data.masks[rows]).to(device)
    shown: dict[str, Any] = {
        "images": images,
        "masks": masks,
        "loss": objectives.dice_ce(spec.dice_background, of_batch=spec.loss == "dice-ce-batch"),
        "augment": augment,
    }
    synthetic = spec.synthetic
    if synthetic is None:
        return objectives.RealObjective(**shown), {}
    chosen = None
    if synthetic.minimum_agreement is not None:
        agreement = np.load(inputs["audit"] / AGREEMENT_FILE, allow_pickle=False)
        chosen = SampleFilter(agreement, synthetic.minimum_agreement, device)

    def stack(name: str, real: torch.Tensor) -> Any:
        variants = load_variants([folder / name for folder in inputs["synthesize"]], device)
        return variants if chosen is None else chosen.over(variants, real)

    shown |= {
        "variants": stack("images.npy", images),
        "alpha": synthetic.alpha,
        "all_variants": synthetic.pairing == "all",
    }
    counts = chosen.counts if chosen else {}
    if synthetic.merge == "join":
        return objectives.JoinedPairs(**shown, variant_masks=stack("masks.npy", masks)), counts
    if synthetic.merge in ("pretrain", "only"):
        alone = {name: shown[name] for name in ("images", "masks", "loss", "augment", "variants")}
        alone |= {"all_variants": shown["all_variants"], "variant_masks": stack("masks.npy", masks)}
        first = objectives.SyntheticAlone(**alone)
        if synthetic.merge == "only":
            return first, counts
        real = {name: shown[name] for name in ("images", "masks", "loss", "augment")}
        then = objectives.RealObjective(**real)
        epochs = pretraining_epochs(synthetic.alpha or 0.0, spec.training.epochs)
        phases = objectives.Pretrained(**real, first=first, then=then, synthetic_epochs=epochs)
        return phases, counts
    kind = objectives.MergedImages if synthetic.merge == "image" else objectives.MergedLogits
    return kind(**shown | {"patch_size": synthetic.patch_size}), counts

"""The stages: each reads the folders of its inputs and writes its own.

A stage function takes (spec, inputs, out, context) and returns the numbers it wants in its manifest. `execute` runs one
under its lock, measures it and commits it. Versions are in versions.py; specs are made by plan.py. Callers: engines.
"""

import csv
import json
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.audit import audit
from benchmark.checkpoint import Checkpoint
from benchmark.curve_loggers import TRAININGS, curve_folder, with_curves
from benchmark.determinism import deterministic
from benchmark.errors import InputError
from benchmark.execution import Execution
from benchmark.files import write_json
from benchmark.kept import Kept
from benchmark.leaks import IDS_FILE, refuse_leaks
from benchmark.memory import keep_freed_memory
from benchmark.progress import Report, silent
from benchmark.provenance import Meter, machine_name, provenance
from benchmark.spec import named_seed
from benchmark.store import Store

Inputs = dict[str, Any]  # role -> folder, or list of folders


@dataclass(frozen=True)
class Context:
    """What a stage may use besides its spec and inputs; nothing here may change a result.

    `location` says where a source lies on this machine: source, data_root, phantom_cases, allow_incomplete; or where a
    user's own method lies: own; or where the weights and images of a generator do (`BaseSettings.pinned`);
    `checkpoint` is where an unfinished training or sampling keeps its state; `key` is the stage's, `following` are the
    plans of the stages of its kind that this process computes next, and `kept` is what it keeps for them.
    """

    device: str = "cpu"
    report: Report = silent
    location: dict[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    key: str = ""
    following: Iterable[dict[str, Any]] = ()
    kept: Kept = field(default_factory=Kept)


def prepare(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Slices, edges and truth of one source at one working size."""
    from datasets.edges import make_detector
    from datasets.preparation import Prepared
    from datasets.preparation import prepare as write
    from datasets.source import SourceOptions, open_source

    where = context.location
    source = open_source(
        spec["dataset"], where["source"], Path(where["data_root"]) if where["data_root"] else None,
        phantom_cases=where["phantom_cases"], phantom_size=spec["size"],
        options=SourceOptions(**spec["options"], allow_incomplete=where["allow_incomplete"]),
    )  # fmt: skip
    if source.fingerprint() != spec["source"]["fingerprint"]:
        raise InputError(f"the images of {source.title} changed since the run was planned; run the same command again.")
    detector = make_detector(spec["edge"], _edge_weights(spec, where), context.device)
    write(source, out, size=spec["size"], intensity=spec["intensity"], edge=detector, report=context.report)
    done = Prepared(out)
    return {"cases": len(done.cases), "slices": len(done.images), "notes": done.notes}


def _edge_weights(spec: dict, location: dict[str, Any]) -> Path | None:
    """The file of the edge detector's weights, if it has any. Raises InputError where it is another than planned."""
    from datasets.hed import weights_identity

    if "edge_weights" not in spec:
        return None
    weights = Path(location["edge_weights"])
    if weights_identity(weights) != spec["edge_weights"]:
        raise InputError(f"the weights {weights} changed since the run was planned; run the same command again.")
    return weights


def pretrain(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """A generator, trained on a folder of labelled images that belongs to no data set of the benchmark."""
    import torch

    from baselines.generator import generator_class
    from baselines.generator_settings import settings_of_generator
    from benchmark.microbatch import read_shortage

    settings = settings_of_generator(spec["generator"], spec["settings"]).at(context.location)
    edge_weights = _edge_weights(spec, context.location)
    count = generator_class(spec["generator"]).pretrain(
        settings, size=spec["size"], edge=(spec["edge"], edge_weights, context.device),
        seed=named_seed(spec["seed"], "pretraining"), device=torch.device(context.device), out=out,
        report=context.report, checkpoint=context.checkpoint,
    )  # fmt: skip
    return {"images": count, **read_shortage(out)}


def fit_generator(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """A generator, trained on the slices of `spec['cases']` and of no other case."""
    import torch

    from baselines.generator import TrainingSlices, generator_class
    from baselines.generator_settings import settings_of_generator
    from baselines.own import close_fit, is_own
    from benchmark.microbatch import read_shortage
    from benchmark.number_format import native_format
    from datasets.preparation import Prepared

    data = Prepared(inputs["prepare"])
    rows = data.rows(spec["cases"], spec["minimum_foreground"])
    slices = TrainingSlices(
        images=data.images[rows], masks=data.masks[rows], edges=data.edges[rows],
        prompts=data.prompts(rows), ids=data.slice_ids(rows),
    )  # fmt: skip
    settings = settings_of_generator(spec["generator"], spec["settings"]).at(context.location, inputs.get("pretrain"))
    device = torch.device(context.device)
    generator_class(spec["generator"]).fit(
        slices, settings, seed=named_seed(spec["seed"], "generator"), device=device, out=out, report=context.report,
        checkpoint=context.checkpoint,
    )  # fmt: skip
    if is_own(spec["generator"]):
        close_fit(spec["generator"], out, slices.ids)
        return {"slices": len(rows), **read_shortage(out)}
    return {"slices": len(rows), "number_format": native_format(device), **read_shortage(out)}


def synthesize(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """One synthetic variant of every training slice: images.npy and masks.npy uint8 (N, S, S), in slice order."""
    import torch

    from baselines.generator import Conditions, generator_class, training_ids
    from baselines.generator_settings import settings_class
    from baselines.own import check_samples, is_own
    from baselines.phrases import join_phrase
    from benchmark.sampling import Variant, batch_size, sample_all
    from datasets.preparation import Prepared

    data = Prepared(inputs["prepare"])
    kind, folder = generator_class(spec["generator"]), inputs["fit-generator"]

    def load() -> Any:
        loaded = kind.load(folder, torch.device(context.device))
        loaded.locate(context.location)
        return loaded

    # One that does not mix variants may be a user's, of which nobody knows what a call leaves behind in it.
    generator = context.kept.generator((folder, context.device), load) if kind.mixes_variants else load()

    def variant(key: str, spec: dict) -> Variant:
        rows = data.rows(spec["cases"], spec["minimum_foreground"])
        prompts = [join_phrase(prompt, spec["phrase"]) for prompt in data.prompts(rows)]
        return Variant(key, spec["variant"], Conditions(data.slice_ids(rows), data.masks[rows], data.edges[rows], prompts))

    def check(*batch) -> None:
        if is_own(spec["generator"]):
            check_samples(spec["generator"], *batch)

    wanted = variant(context.key, spec)
    images, masks = sample_all(
        generator, wanted, key=folder.name, sampling=settings_class(spec["generator"]).sampling_from(spec["sampling"]),
        check=check, report=context.report, checkpoint=context.checkpoint,
        following=(variant(plan["key"], plan["spec"]) for plan in context.following), early=context.kept.early,
        at_once=batch_size(data.size, context.device),
    )  # fmt: skip
    np.save(out / "images.npy", images)
    np.save(out / "masks.npy", masks)
    write_json(out / IDS_FILE, training_ids(folder))
    unknown = generator.unknown_words(wanted.conditions.prompts)
    return {"images": len(images), "unknown_words": unknown, "number_format": generator.number_format}


def fit_segmenter(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """The segmenter with the checkpoint that the selection rule chose: weights.safetensors, curve.csv."""
    from safetensors.torch import save_file

    from baselines.architectures import build
    from benchmark.objective import objective_of
    from benchmark.segmentation import Training, case_dice, fit, foreground_probability, make_fabric
    from datasets.preparation import Prepared

    data = Prepared(inputs["prepare"])
    fabric = make_fabric(context.device, spec.get("precision", "auto"))
    rows = data.rows(spec["train"], spec["minimum_foreground"])
    if not data.masks[rows].any():
        raise InputError("no training slice has any foreground, so there is nothing to learn; add cases with a mask.")
    refuse_leaks(inputs["synthesize"], context.location.get("test", ()))
    objective, counts = objective_of(spec, data, rows, inputs, fabric.device)
    held_out = data.rows(spec["select_on"], spec["minimum_foreground"])

    def select(model) -> float:
        probability = foreground_probability(model, data.images[held_out], fabric)
        return case_dice(probability, data.masks[held_out], data.case_index[held_out])

    model = build(spec["architecture"], data.images.shape[-1], seed=named_seed(spec["seed"], "segmenter", "weights"))
    fitted = fit(
        model, objective, getattr(objective, "items", len(rows)), Training(**spec["training"]),
        select=select if len(held_out) else None, fabric=fabric, seed=spec["seed"], report=context.report,
        checkpoint=context.checkpoint,
    )  # fmt: skip
    save_file(fitted.state, out / "weights.safetensors")
    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["epoch", "step", "loss", "dice"], restval="")
        writer.writeheader()
        writer.writerows(fitted.curve)
    return {
        "steps": fitted.steps, "presented": fitted.presented, "selected_epoch": fitted.epoch, "slices": len(rows), **counts,
        "precision": fabric.strategy.precision.precision, **fitted.shortage,
    }  # fmt: skip


def predict(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Masks of the test cases on their native grid, bit-packed: predictions/<n>.npy and index.json."""
    from safetensors.torch import load_file

    from baselines.architectures import build
    from benchmark.segmentation import foreground_probability, make_fabric
    from datasets.preparation import Prepared

    data = Prepared(inputs["prepare"])
    trained = json.loads((inputs["fit-segmenter"] / "manifest.json").read_text(encoding="utf-8"))
    fabric = make_fabric(context.device, trained["spec"].get("precision", "auto"))
    model = build(trained["spec"]["architecture"], data.images.shape[-1], seed=0)
    model.load_state_dict(load_file(inputs["fit-segmenter"] / "weights.safetensors"))
    model = fabric.setup_module(model)
    (out / "predictions").mkdir()
    index = []
    for number, case in enumerate(spec["cases"]):
        rows = data.rows([case], spec["minimum_foreground"])
        probability = foreground_probability(model, data.images[rows], fabric)
        mask = data.to_native(case, probability)
        np.save(out / "predictions" / f"{number}.npy", np.packbits(mask))
        index.append({"case": case, "z": data.z_index[rows].tolist(), "shape": list(mask.shape)})
        context.report(number + 1, len(spec["cases"]))
    write_json(out / "index.json", index)
    return {"cases": len(index)}


def score(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """One row of metrics per test case: cases.json."""
    from benchmark.scoring import score_case
    from datasets.preparation import Prepared

    data = Prepared(inputs["prepare"])
    rows = []
    predictions = read_predictions(inputs["predict"])
    for number, (case, z, prediction) in enumerate(predictions):
        native = data.case(case)
        row = score_case(case, prediction, z, data.truth(case), native.spacing, native.spacing_unit, **spec)
        rows.append(row)
        context.report(number + 1, len(predictions), dice=row["dice"])
    write_json(out / "cases.json", rows)
    return {"cases": len(rows)}


def read_predictions(folder: Path) -> list[tuple[str, list[int], np.ndarray]]:
    """(case id, native slice numbers, mask uint8 (len(z), y, x)) of every test case of a predict stage."""
    found = []
    for number, entry in enumerate(json.loads((folder / "index.json").read_text(encoding="utf-8"))):
        packed = np.load(folder / "predictions" / f"{number}.npy", allow_pickle=False)
        mask = np.unpackbits(packed, count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        found.append((entry["case"], entry["z"], mask))
    return found


STAGES: dict[str, Callable[[dict, Inputs, Path, Context], dict[str, Any]]] = {
    "prepare": prepare,
    "pretrain": pretrain,
    "fit-generator": fit_generator,
    "synthesize": synthesize,
    "audit": audit,
    "fit-segmenter": fit_segmenter,
    "predict": predict,
    "score": score,
}


def execute(
    store: Store, key: str, how: Execution, report: Report = silent, wait: bool = True,
    kept: Kept | None = None, following: Sequence[str] = (),
) -> bool:  # fmt: skip
    """Computes the stage whose plan the store holds under `key`, unless it is there. True if it was computed now.

    Every file of every input is checked against its sha256 before it is used. `following`: keys of the stages that this
    process computes next, for which it keeps (`kept`) what they can share. Raises DamagedStage for an input that was
    changed, StageBusy (without `wait`) where another process computes the stage, InputError where an input stage is
    missing, and whatever the stage raises.
    """
    node = store.find_plan(key)
    stage = node["stage"]
    kept = Kept() if kept is None else kept
    kept.begin(key, following)
    with store.locked(key, wait):
        if store.has(stage, key):
            kept.end()
            return False
        inputs = {role: _input_folders(store, node, role) for role in node["inputs"]}
        checkpoint = Checkpoint(store.partial(key))
        own = _own_file(node)
        # A batch of another make-up may differ in the last bits.
        mixed = (store.find_plan(other) for other in (() if how.deterministic else following))

        def work(out: Path) -> dict[str, Any]:
            _seed_the_rest(key)
            keep_freed_memory()
            with deterministic(how.deterministic), _curves(store, node, how, report, checkpoint) as told:
                context = Context(how.device, told, node["location"], checkpoint, key, mixed, kept)
                with Meter(how.device) as meter:
                    results = STAGES[stage](node["spec"], inputs, out, context) | own
                cost = meter.cost()
                cost["seconds"] = round(cost["seconds"] + checkpoint.earlier_seconds, 3)
                return {
                    "version": node["version"], "spec": node["spec"], "inputs": node["inputs"], "results": results,
                    "cost": {**cost, "machine": machine_name(how.device)}, "provenance": provenance(how.device),
                }  # fmt: skip

        try:
            store.compute(stage, key, work)
        except BaseException:
            kept.clear()
            raise
        checkpoint.clear()
        kept.end()
    return True


def _own_file(node: dict[str, Any]) -> dict[str, str]:
    """Loads the user's own method that a stage needs; what the stage writes down about its file."""
    from baselines.own import load_own

    if "own" not in node["location"]:
        return {}
    loaded = load_own(node["location"]["own"])
    if loaded.spec.reference not in (node["spec"].get("generator"), node["spec"].get("transform")):
        raise InputError(f"{loaded.address} changed its name or version since the run was planned; run the same command again.")
    return {"own_sha256": loaded.sha256}


def _curves(store: Store, node: dict[str, Any], how: Execution, report: Report, checkpoint: Checkpoint):
    """A block that gives a Report, which also writes the curves of a training."""
    if how.logger == "none" or node["stage"] not in TRAININGS:
        return nullcontext(report)
    folder = curve_folder(store.root, how.logger, node["stage"], node["spec"], node["key"])
    return with_curves(report, how.logger, folder, node["spec"], checkpoint.exists())


def _seed_the_rest(key: str) -> None:
    """Gives the global generators, of which layers such as dropout draw, a state that follows from the stage alone."""
    import torch

    seed = named_seed(0, key)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _input_folders(store: Store, node: dict[str, Any], role: str) -> Path | list[Path]:
    keys = node["inputs"][role]
    for key in keys if isinstance(keys, list) else [keys]:
        if not store.has(role, key):
            raise InputError(f"stage {node['stage']} {node['key'][:12]} needs stage {role} {key[:12]} first; compute that one.")
        store.check(role, key)
    if isinstance(keys, list):
        return [store.folder(role, key) for key in keys]
    return store.folder(role, keys)

"""Names that readers see: of methods with their settings, of protocols, presets and sources, and
their fixed order. Not here: the numbers."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.core.identity import canonical, digest, flat
from benchmark.core.texts import one_line
from benchmark.spec.method import MethodSpec
from benchmark.spec.presets import PRESETS, Preset
from benchmark.spec.protocol import Protocol, nearest_protocol
from benchmark.spec.run import SourceSpec
from reports.comparison.paper_files import transform_rows

_APART = re.compile(r"(.+?) \((?:(?!generator )(.+?), )?(generator .+)\)")
_SPEED = ("sampling.compile",)
MOST_SETTINGS = 5  # of a generator, that a label names
MOST_SHORT = 2  # the same of a short label
LONGEST_LIST = 60  # letters of a list that a label shows


def plain_value(value: Any) -> str:
    """A setting as it is written after `=`: words as they are, all else as JSON (true, 0.6, [32,
    64])."""
    return one_line(value) if isinstance(value, str) else json.dumps(value)


def label_value(value: Any) -> str:
    """As `plain_value`, for a label: a long list is told by its length and a number, as in "22
    items, a3f2c1"."""
    if isinstance(value, list | tuple) and len(json.dumps(value)) > LONGEST_LIST:
        return f"{len(value)} items, {digest(list(value))[:6]}"
    return plain_value(value)


def method_order(method: MethodSpec) -> tuple:
    """Sort key: the method's place, classic in the order of Table II, then the settings. Transforms
    that the paper lacks come last."""
    transform, papers = method.transform or "", list(transform_rows())
    rank = papers.index(transform) if transform in papers else len(papers)
    return (
        method.look.order,
        method.name,
        method.version,
        transform != "",
        rank,
        transform,
        method.joins or "",
        method.ratio,
        -1.0 if method.alpha is None else method.alpha,
        method.patch_size or 0,
        canonical(method.generator),
    )


def method_labels(methods: Sequence[MethodSpec], preset: Preset) -> list[str]:
    """One label per method, distinct within a table: 'emitdiff (from scratch, n = 5)'.

    Settings are named where they differ from the preset's default; a setting of the generator also
    where the methods of the table differ among themselves. Of many only the rarest are, and a
    number tells the method from others.
    """
    labels = []
    for method in methods:
        settings = changed_settings(method, preset) | _generator_marks(method, methods)
        labels.append(_with(method.label, settings))
    return labels


def generator_apart(label: str) -> tuple[str, str]:
    """A label of `method_labels` in two: ("pix2pix (n = 4)", "generator steps = 9, layers = 1");
    the second is empty where it names no setting of the generator."""
    found = _APART.fullmatch(label)
    if not found:
        return label, ""
    name, of_run, of_generator = found.groups()
    return f"{name} ({of_run})" if of_run else name, of_generator.replace(", generator ", ", ")


def changed_settings(method: MethodSpec, preset: Preset) -> dict[str, Any]:
    """Ratio (n), alpha and patch size that are not the preset's, the least label agreement where
    samples are filtered by it, and how they join where that is not their generator's way."""
    usual: tuple[Any, ...] = (0, None, None)
    if method.generates:
        alpha = None if method.joining == "only" else preset.alpha
        usual = (preset.ratio, alpha, preset.patch_size if method.joining == "merge" else None)
    elif method.patch_size is not None:  # a transform that mixes patches
        usual = (0, preset.alpha, preset.patch_size)
    given = {
        "n": (method.ratio, usual[0]),
        "alpha": (method.alpha, usual[1]),
        "patch": (method.patch_size, usual[2]),
        "least agreement": (method.minimum_agreement, None),
        "further epochs": (method.further_epochs or None, None),
        "joins": (method.joining if method.joins_otherwise else None, None),
    }
    return {name: value for name, (value, default) in given.items() if value != default}


def is_as_preset(method: MethodSpec, preset: Preset) -> bool:
    """Whether ratio, merging and the kind of generator are those of the preset."""
    return not changed_settings(method, preset) and "kind" not in method.changed


def preset_base(preset: Preset) -> tuple[str, dict[str, Any]]:
    """(named preset, the numbers that differ from it): the one of the same name, else the
    nearest."""
    numbers = preset.model_dump(exclude={"name"})
    found = {}
    for name in [preset.name] if preset.name in PRESETS else PRESETS:
        base = PRESETS[name]
        found[name] = {
            field: value for field, value in numbers.items() if value != getattr(base, field)
        }
    return min(found.items(), key=lambda pair: len(pair[1]))


def protocol_label(protocol: Protocol) -> str:
    """'rigorous', or 'rigorous (selection = test)'."""
    return _with(*nearest_protocol(protocol))


def preset_label(preset: Preset) -> str:
    """'compact', or 'compact (epochs = 40)'; an unknown preset keeps its own name."""
    if preset.name not in PRESETS:
        return one_line(preset.name)
    name, numbers = preset_base(preset)
    # of the edges, labels of methods tell
    return _with(name, {key: value for key, value in numbers.items() if "edge" not in key})


def source_label(source: SourceSpec) -> str:
    """The source's title, with the word that tells generated images from real ones."""
    return f"{one_line(source.title)}, {'synthetic' if source.synthetic else 'real'} images"


def _with(label: str, settings: dict[str, Any]) -> str:
    """'emitdiff (from scratch, n = 5)', 'emitdiff (from scratch) + deepstack (n = 5)'."""
    shown = ", ".join(f"{name} = {label_value(value)}" for name, value in settings.items())
    if not shown:
        return one_line(label)
    return one_line(f"{label[:-1]}, {shown})" if label.endswith(")") else f"{label} ({shown})")


def changed_generator(method: MethodSpec) -> dict[str, Any]:
    """The generator's settings, with dotted names, that are not the preset's; without those that
    only make it faster."""
    return {name: value for name, value in method.changed.items() if name not in _SPEED}


def generator_settings(method: MethodSpec) -> dict[str, Any]:
    """All settings of the generator and its kind, with dotted names; {} for none."""
    return flat(method.generator or {}) | {"kind": method.kind} if method.generates else {}


def _generator_marks(method: MethodSpec, methods: Sequence[MethodSpec]) -> dict[str, Any]:
    """The settings of a generator that its label names: those that the user changed, and those in
    which methods of one name differ. Of many, the ones that fewest methods share, and a number."""
    mine = generator_settings(method)
    alike = [
        generator_settings(other)
        for other in methods
        if (other.name, other.reference) == (method.name, method.reference)
    ]
    marked = set(changed_generator(method))
    for name, value in mine.items():
        if any(other.get(name) != value for other in alike):
            marked.add(name)
    shown = {f"generator {name}": value for name, value in mine.items() if name in marked}
    if len(shown) <= MOST_SETTINGS:
        return shown

    def shared_by(mark: str) -> int:
        name = mark.removeprefix("generator ")
        return sum(flat(other.generator or {}).get(name) == shown[mark] for other in methods)

    rarest = sorted(shown, key=shared_by)[: MOST_SETTINGS - 1]
    number = {f"{len(shown) - len(rarest)} more": digest(method.generator)[:6]}
    return {name: shown[name] for name in rarest} | number


@dataclass(frozen=True)
class ShortLabel:
    """A method as a narrow column names it: 'emitdiff + deepstack' and 'n = 4'."""

    name: str
    settings: str = ""

    @property
    def text(self) -> str:
        """'emitdiff + deepstack, n = 4'."""
        return f"{self.name}, {self.settings}" if self.settings else self.name


def short_labels(methods: Sequence[MethodSpec]) -> list[ShortLabel]:
    """One short label per method, distinct within a table.

    n always stands in it; any other setting only where it is not the one that most methods of the
    same name have. What is left out stands once, in `shared_settings`.
    """
    labels = []
    for method in methods:
        alike = _alike(method, methods)
        usual = _usual(alike)
        own = {name: value for name, value in _of_run(method).items() if name in usual}
        shown = [
            f"{name} = {label_value(value)}"
            for name, value in own.items()
            if name == "n" or value != usual[name]
        ]
        generator = [
            f"{name} = {label_value(value)}"
            for name, value in generator_settings(method).items()
            if value != usual.get(name)
        ]
        more = [f"{len(generator) - MOST_SHORT} more"] if len(generator) > MOST_SHORT else []
        forms = {other.look.form for other in alike}
        name = method.plain_label if len(forms) == 1 else method.label
        text = ", ".join([*shown, *generator[:MOST_SHORT], *more])
        labels.append(ShortLabel(one_line(name), one_line(text)))
    return _numbered(labels)


def shared_settings(methods: Sequence[MethodSpec], preset: Preset) -> list[str]:
    """What `short_labels` leaves out, one sentence per name: 'emitdiff: from scratch; alpha = 0.6;
    generator with channels = [64, 96] in place of the preset's.'"""
    sentences = []
    for name in dict.fromkeys(method.name for method in methods if method.generates):
        alike = [method for method in methods if method.name == name]
        usual = _usual(alike)
        forms = {method.look.form for method in alike}
        parts = [*(form for form in forms if form and len(forms) == 1)]
        parts += [
            f"{word} = {plain_value(usual[word])}"
            for word in ("alpha", "patch")
            if usual.get(word) is not None
        ]
        changed = {
            word: usual[word]
            for method in alike
            for word, value in changed_generator(method).items()
            if word in usual and value == usual[word]
        }
        if changed:
            words = ", ".join(f"{word} = {label_value(value)}" for word, value in changed.items())
            parts.append(f"generator with {words} in place of the preset's")
        if parts:
            sentences.append(one_line(f"{name}: {'; '.join(parts)}."))
    return sentences


def _alike(method: MethodSpec, methods: Sequence[MethodSpec]) -> list[MethodSpec]:
    """The methods whose settings a label of this one is told from."""
    return [
        other
        for other in methods
        if other.name == method.name and (method.generates or other.transform == method.transform)
    ]


def _of_run(method: MethodSpec) -> dict[str, Any]:
    """The settings that a run gives to a method; of alpha and patch size, those that it has."""
    own: dict[str, Any] = {"further epochs": method.further_epochs}
    if method.generates:
        own = {"n": method.ratio, "joins": method.joining}
    whole = {"alpha": method.alpha, "patch": method.patch_size}
    return own | {
        "least agreement": method.minimum_agreement,
        **{name: value for name, value in whole.items() if value is not None},
    }


def _usual(alike: Sequence[MethodSpec]) -> dict[str, Any]:
    """The value that most of some methods have, of every setting."""
    every = [_of_run(method) | generator_settings(method) for method in alike]
    found = {}
    for name in dict.fromkeys(name for one in every for name in one):
        values = [one[name] for one in every if name in one]
        most = Counter(map(canonical, values)).most_common(1)[0][0]
        found[name] = next(value for value in values if canonical(value) == most)
    return found


def _numbered(labels: list[ShortLabel]) -> list[ShortLabel]:
    """Labels that are alike with a number, so that each names one row."""
    counts, seen = Counter(labels), Counter[ShortLabel]()
    found = []
    for label in labels:
        seen[label] += 1
        mark = f"no. {seen[label]}" if counts[label] > 1 else ""
        text = ", ".join(filter(None, (label.settings, mark)))
        found.append(ShortLabel(label.name, text))
    return found

"""`list`: the words that options take, with what each means. Not here: the data sets (data.py)."""

from collections.abc import Callable, Sequence

from benchmark.core.errors import ExitCode
from benchmark.core.registry import check_name
from benchmark.core.texts import one_line
from benchmark.planning.options import RunOptions
from benchmark.terminal.console import out, print_table


def print_names(kind: str) -> ExitCode:
    """Prints all words of one kind, a name of KINDS. Raises InputError for another."""
    KINDS[check_name("list", kind, KINDS)]()
    return ExitCode.DONE


def _methods() -> None:
    from baselines.generators.catalogue import generators, methods

    rows = [
        ("none", "", "no augmentation: what gains are measured from"),
        ("classic", "", "a transform or a stack of them; see `list transforms`"),
    ]
    for name, kinds in methods().items():
        rows += [(name, kind, _first_sentence(generators()[kind].__doc__)) for kind in kinds]
    print_table("--method", ("method", "generator.kind", "what joins the training"), rows)
    out.print("A method of your own: --method FILE.py:Class (docs/add-a-method.md).")


def _transforms() -> None:
    from baselines.transforms.catalogue import transforms

    rows = [
        (name, "stack" if ".stacks." in module else "single")
        for name, module in transforms().items()
    ]
    print_table("--transform", ("transform", "kind"), rows)


def _architectures() -> None:
    from baselines.networks.architectures import ARCHITECTURES, PRETRAINED, SMP_PREFIX

    default = RunOptions().architecture
    told = {name: f"{one.title}: {one.command}" for name, one in PRETRAINED.items()}
    told[default] = "the default"
    rows = [(name, told.get(name, "")) for name in ARCHITECTURES]
    rows.append((f"{SMP_PREFIX}DECODER:ENCODER", "any pair of segmentation-models-pytorch"))
    print_table("--architecture", ("architecture", "what"), rows)
    out.print("`python cli.py doctor` tells the parameters and GFLOPs of each.")


def _suites() -> None:
    from benchmark.planning.suite import load_suite, suite_names

    for name in suite_names():
        suite = load_suite(name)
        out.print(f"{name}: {one_line(suite.about)}")
        for what in ("hardware", "expected"):
            if text := one_line(getattr(suite, what)):
                out.print(f"    {what}: {text}")
    out.print("Next: python cli.py suite NAME --dry-run")


def _settings() -> None:
    from baselines.generators.catalogue import generators, settings_class
    from benchmark.planning.settings import SAMPLE_RULES
    from benchmark.spec.presets import PRESETS, Preset
    from benchmark.spec.protocol import named_protocol

    rigorous, released = named_protocol("rigorous"), named_protocol("released")
    rules = [
        (name, getattr(rigorous, name), getattr(released, name), _first_sentence(field.description))
        for name, field in type(rigorous).model_fields.items()
    ]
    print_table("rules of the comparison", ("--set", "rigorous", "released", "what"), rules)
    numbers = [
        (name, *(getattr(one, name) for one in PRESETS.values()), one_line(field.description or ""))
        for name, field in Preset.model_fields.items()
        if name != "name"
    ]
    print_table("numbers of a preset", ("--set", *PRESETS, "what"), numbers)
    out.print(f"of samples: {', '.join(SAMPLE_RULES)}")
    for kind in generators():
        names = ", ".join(f"generator.{name}" for name in settings_class(kind).names())
        out.print(f"of generator {kind}: {names}")


def _datasets() -> None:
    from benchmark.commands.data import list_data

    list_data(None)


def _first_sentence(text: str | None) -> str:
    return one_line((text or "").strip().partition("\n\n")[0]).partition(". ")[0].rstrip(".:")


KINDS: dict[str, Callable[[], None]] = {
    "methods": _methods,
    "transforms": _transforms,
    "architectures": _architectures,
    "suites": _suites,
    "settings": _settings,
    "datasets": _datasets,
}


def known_kinds() -> Sequence[str]:
    """What `list` can print."""
    return tuple(KINDS)

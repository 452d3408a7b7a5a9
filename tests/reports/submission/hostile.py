"""A submission that is valid and full of markup: the texts a submitter can choose, where no check
can say they are wrong."""

from pathlib import Path

from benchmark.planning.stage_keys import stage_keys
from benchmark.planning.substitutions import substitutions
from benchmark.record.record import Record
from benchmark.spec.run import SourceSpec
from benchmark.store.store import Store
from datasets.folds import split_hash
from reports.submission.pack import pack
from tests.reports.submission.made import tiny_spec, write_run

TEXTS = (
    "<script>window.hacked=1</script>",
    '"\'><img src=x onerror="window.hacked=2">',
    "javascript:window.hacked=3",
    "<a href='javascript:window.hacked=4' onclick='window.hacked=5'>here</a>",
    "</title></table><svg/onload=window.hacked=6>",
    "{{ 7 * 7 }}{% include 'x' %}",
    '=HYPERLINK("http://evil.example")',
    "[bold red]rich[/red]",
)


def hostile(record: Record) -> Record:
    """The record with images of somebody's own whose title, licence and cases are such texts; so
    are notes and machines."""
    title, licence = TEXTS[0] + TEXTS[3], TEXTS[1]
    source = SourceSpec(
        kind="folder", title=title, licence=licence, fingerprint="5" * 64, synthetic=False
    )
    spec = record.spec.model_copy(update={"source": source})
    names = {
        case: f"{TEXTS[place % len(TEXTS)]} {place}" for place, case in enumerate(_cases(record))
    }
    parts = {
        name: tuple(names[case] for case in getattr(record.split, name))
        for name in ("train", "validation", "test")
    }
    split = record.split.model_copy(update={**parts, "hash": split_hash(**parts)})
    split = split.model_copy(update={"generator": parts["train"] if record.split.generator else ()})
    rows = tuple(row.model_copy(update={"case": names[row.case]}) for row in record.cases)
    made = record.model_copy(
        update={
            "spec": spec,
            "key": spec.key,
            "split": split,
            "cases": rows,
            "substitutions": substitutions(spec),
        }
    )
    stages = [
        stage.model_copy(
            update={
                "key": key,
                "machine": TEXTS[4],
                "results": {**stage.results, TEXTS[0]: TEXTS[1]},
            }
        )
        for stage, (_, key) in zip(record.stages, stage_keys(made), strict=True)
    ]
    provenance = {
        "git": {"commit": TEXTS[0], "dirty": True},
        "packages": {TEXTS[2]: TEXTS[3]},
        TEXTS[4]: [TEXTS[1]],
    }
    return made.model_copy(
        update={"stages": tuple(stages), "notes": TEXTS, "provenance": provenance}
    )


def _cases(record: Record) -> tuple[str, ...]:
    return (*record.split.train, *record.split.validation, *record.split.test)


def write_hostile(folder: Path, name: str = "hostile.zip") -> list[Record]:
    """Writes a hostile submission of two runs below `folder`; returns its records."""
    store = Store(folder / "hostile-store")
    records = [hostile(write_run(store, tiny_spec(method))) for method in ("none", "emitdiff")]
    pack(
        records,
        store,
        folder / name,
        owner=TEXTS[1] + TEXTS[7],
        note=" ".join(TEXTS)[:400],
        with_masks=False,
    )
    return records

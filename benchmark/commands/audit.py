"""`audit FOLDER`: synthetic images of any tool, judged as those of our own methods are.

Not here: the measures (benchmark/results/folder_audit.py).
"""

from pathlib import Path

from baselines.folder import check_declared
from benchmark.commands.run import Call, run_requests
from benchmark.core.errors import ExitCode, InputError
from benchmark.core.files import write_json
from benchmark.core.texts import one_line
from benchmark.planning.options import Actions, Request
from benchmark.planning.plan import Plan, plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from benchmark.results.folder_audit import LOW_AGREEMENT, Measure, audit_folder
from benchmark.stages.audit import SegmenterJudge
from benchmark.stages.execution import Execution
from benchmark.store.store import Store
from benchmark.terminal.console import out, print_table
from datasets.slices.made_images import MadeFolder, open_made_folder
from datasets.slices.preparation import Prepared
from reports.comparison.format import rounded
from reports.tables.tables import Table

NOTES = (
    "Beside each number stands the same of real images: those of the fold's test cases.",
    f"Label agreement: Dice of the label with what a segmenter finds on the image; method none"
    f" trained it on the fold's real training slices. Below {LOW_AGREEMENT:g}: share of images.",
    "Distances are between images at 32 px without their brightness and contrast: 0 is the same"
    " image, 1.41 nothing in common. Copied: nearer to a training slice than 99 % of real training"
    " slices are to one of another case.",
    "Few images inflate Frechet's distances; the kernel distance they do not inflate.",
)


def audit(folder: Path, request: Request, how: Execution, store: Path, target: Path) -> ExitCode:
    """Judges the folder's images on one fold, prints the table and writes audit.json and audit.md
    into `target`. The judge is trained where the store lacks it."""
    made = open_made_folder(folder)
    plan = _judge_plan(request, store)
    declared = _declared(made, plan)
    code = run_requests(Call([request], Actions(store=store), how))
    if code != ExitCode.DONE:
        return code
    stages = Store(store)
    data = Prepared(stages.folder("prepare", plan.node("prepare").key))
    device = how.here().device
    fitted = stages.folder("fit-segmenter", plan.node("fit-segmenter").key)
    measures = audit_folder(
        made,
        data,
        SegmenterJudge.load(fitted, data.size, device),
        training=declared or [case.id for case in data.cases if case.id not in plan.split.test],
        held_out=plan.split.test,
        device=device,
    )
    _show(made, measures, plan, target, declared)
    return ExitCode.DONE


def _judge_plan(request: Request, store: Path) -> Plan:
    """The run of method none that trains the judge."""
    cache = Store(store).root / "fingerprints.json"
    settled = settle(request, cache)
    opened = open_request(settled, cache)
    runs = resolve(settled, opened)
    if len(runs) != 1:
        raise InputError("an audit is of one fold and one seed; give --fold 0, for example.")
    return plan_run(runs[0], opened.cases, opened.options, copies=opened.copies)


def _declared(made: MadeFolder, plan: Plan) -> list[str]:
    """The cases that the tool was trained on, checked against the source's before anything is
    computed."""
    parts = plan.split
    known = [*parts.train, *parts.validation, *parts.test]
    return check_declared(made.training_ids or (), known, str(made.path))


def _show(
    made: MadeFolder, measures: list[Measure], plan: Plan, target: Path, declared: list[str]
) -> None:
    rows = [(one.name, rounded(one.made, 3), rounded(one.real, 3), one.meaning) for one in measures]
    spec = plan.run
    title = (
        f"{len(made.names)} images of {made.tool or 'an unnamed tool'}; {spec.dataset},"
        f" {one_line(spec.source.title)}, {spec.preset.size} px, fold {spec.fold}"
    )
    columns = ("measure", "folder", "real images", "what it is")
    print_table(title, ("measure", "folder>", "real images>", "what it is"), rows)
    told = _training_note(declared, plan)
    for note in (told, *NOTES):
        out.print(f"- {note}")
    target.mkdir(parents=True, exist_ok=True)
    table = Table.of([dict(zip(columns, row, strict=True)) for row in rows])
    lines = [f"# {title}", "", table.markdown(), "", *(f"- {note}" for note in (told, *NOTES)), ""]
    (target / "audit.md").write_text("\n".join(lines), encoding="utf-8")
    found = {
        "tool": made.tool,
        "images": len(made.names),
        "fingerprint": made.fingerprint(),
        "training_ids": None if made.training_ids is None else declared,
        "judge": plan.run.key,
        "measures": [one.as_json for one in measures],
    }
    write_json(target / "audit.json", found)
    out.print(f"written: {target / 'audit.md'}, {target / 'audit.json'}", soft_wrap=True)


def _training_note(declared: list[str], plan: Plan) -> str:
    if not declared:
        return (
            "The manifest declares no training ids: near copies are sought in all cases but the"
            " fold's test cases, and a segmenter may not be trained with these images."
        )
    seen = sorted(set(declared) & set(plan.split.test))
    text = f"Near copies are sought in the {len(declared)} declared training cases."
    if seen:
        text += f" {len(seen)} of them are test cases of this fold: take another --fold."
    return text

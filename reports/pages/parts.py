"""What several pages show: figures, short facts of a record."""

from typing import Any

from benchmark.core.texts import one_line
from benchmark.record.record import Record
from reports.comparison.groups import Group
from reports.figures.drawing import KINDS, Drawing
from reports.pages.site import Site
from reports.records.load import commit_of
from reports.tables.tables import Table


def audit_place(group: Group) -> str:
    """Where the audits of a group's samples stand, '' where there are none."""
    return f"audits.html#samples-{group.slug}" if group.audited else ""


def figure_links(drawing: Drawing, site: Site) -> dict[str, Any]:
    """A figure as the template shows it: addresses of its files ('' for those not written), its
    title, its text and its size."""
    paths = {kind: getattr(drawing, kind) for kind in KINDS}
    files = {kind: site.link(path) if path else "" for kind, path in paths.items()}
    width, height = drawing.size
    return {
        **files,
        "title": drawing.title,
        "alt": drawing.alt,
        "width": width,
        "height": height,
    }


def machines(record: Record) -> str:
    """The machines that computed a run's stages, each once."""
    return one_line("; ".join(dict.fromkeys(stage.machine for stage in record.stages)))


def commit_text(record: Record) -> str:
    """'1234567890ab (dirty)', '' where none is recorded."""
    commit, dirty = commit_of(record)
    return f"{one_line(commit)[:12]}{' (dirty)' if dirty else ''}" if commit else ""


def short_names(table: Table, group: Group) -> Table:
    """The table with the short labels of its methods."""
    place = table.columns.index("method") if "method" in table.columns else 0
    rows = (
        tuple(
            group.short[cell].text if column == place and cell in group.short else cell
            for column, cell in enumerate(row)
        )
        for row in table.rows
    )
    return Table(table.columns, tuple(rows))

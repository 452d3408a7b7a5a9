"""The folder of the page: its templates, its shared files, and where each page lies.

Every page is rendered by Jinja2 with everything escaped, and loads nothing but two files of this
folder: a style sheet and a script, each with that of DataTables in front, taken from the installed
package itables with its licence notices. Thousands of pages may share a folder, so templates are
shortened before they are compiled. Not here: what the pages say.
"""

import functools
import importlib.resources
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from benchmark.core.errors import InputError

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; img-src 'self' file: data:; style-src 'self' file:; script-src 'self'"
    " file:; base-uri 'none'; form-action 'none'"
)
FOLDERS = ("assets", "tables", "figures", "groups", "methods", "submissions", "runs", "claims")
_TEXT_COLUMNS = (
    "seeds",
    "remark",
    "method",
    "case",
    "ties",
    "dataset",
    "from",
    "absent runs",
    "stage",
    "machine",
    "key",
    "quirk",
    "samples",
)
# HTML needs neither quotes around such a value nor these tags (which keep the end of a line that
# stands behind a block)
_QUOTED = re.compile(r'(?<=[a-z]=)"([\w./#:;,%+-]+)"(?=[ >])')
_NOT_NEEDED = re.compile(r"(?<!%})</(?:dd|dt|li|td|tr|option)>|</?(?:head|body)>|</html>")
# of what the bundle of DataTables can do and no page does
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_UNUSED = re.compile(
    r"dtsp-|dtsb-|dtcc|dt-datetime|dt-button|dtfc-|dtfh-|dtrg-|dtr-|dtrr-|dtk-|dtsc-|dt-rowReorder"
    r"|dt-autosize|table-editable|dtsr"
)
_EXPORT = re.compile(r"export\s*\{([^}]*)\}\s*;?")
BRAND = b"augbench"  # in the title of every first page
_LICENCE = "/*! Bundled license information:"


def check_folder(out: Path) -> None:
    """Raises InputError where `out` is no folder, or holds a page of somebody else, which would be
    lost."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder by --out.")
    page = out / "index.html"
    if page.is_file() and BRAND not in page.read_bytes()[:5000]:
        raise InputError(
            f"{page} is there already and is no report of this program; give another folder by"
            f" --out."
        )


class Site:
    """A folder under construction. Raises InputError where it cannot be written."""

    def __init__(self, out: Path):
        self.out = out
        try:
            for name in FOLDERS:
                (out / name).mkdir(parents=True, exist_ok=True)
            for name, text in shared_files().items():
                (out / "assets" / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"the report cannot be written to {out} ({error.strerror}); give a folder by --out."
            ) from error

    def write(self, template: str, name: str, **context: Any) -> Path:
        """Renders a template to the page `name`, such as 'groups/x.html'; links in it start with
        `root`."""
        root = "../" * name.count("/")
        text = (
            _environment()
            .get_template(template)
            .render(root=root, policy=Markup(POLICY), here=name, **context)
        )
        path = self.out / name
        path.write_text(text, encoding="utf-8")
        return path

    def link(self, path: Path) -> str:
        """Address of a file below the folder, from the folder."""
        return quote(path.resolve().relative_to(self.out.resolve()).as_posix())


@functools.cache
def shared_files() -> dict[str, str]:
    """What every page loads: {'style.css', 'page.js', 'LICENCES.txt'}."""
    found = datatables()
    ours = {name: (HERE / "assets" / name).read_text("utf-8") for name in ("style.css", "page.js")}
    return {
        "style.css": f"{used_rules(found['datatables.css'])}\n{ours['style.css']}",
        "page.js": f"{found['datatables.js']}\n{ours['page.js']}",
        "LICENCES.txt": found["LICENCES.txt"],
    }


def used_rules(style: str) -> str:
    """The style sheet of DataTables without the rules of its buttons, builders and panes."""

    def kept(rule: re.Match) -> str:
        used = [one for one in rule[1].split(",") if not _UNUSED.search(one)]
        return f"{','.join(used)}{{{rule[2]}}}" if used else ""

    return _RULE.sub(kept, style)


@functools.cache
def datatables() -> dict[str, str]:
    """DataTables as itables ships it: {'datatables.js', 'datatables.css', 'LICENCES.txt'}.

    Browsers refuse modules from disk, so the bundle's one `export` becomes the global `DataTable`.
    Raises RuntimeError where the installed itables holds something else.
    """
    folder = importlib.resources.files("itables") / "html"
    bundle, style = (
        (folder / f"dt_bundle.{kind}").read_text(encoding="utf-8") for kind in ("js", "css")
    )
    exports = list(_EXPORT.finditer(bundle))
    names = dict(re.findall(r"(\w+) as (\w+)", exports[-1][1])) if exports else {}
    default = next((local for local, public in names.items() if public == "default"), None)
    if default is None:
        raise RuntimeError(
            "the installed itables ships DataTables in an unknown form; install itables 2.9."
        )
    found = exports[-1]
    before, after = bundle[: found.start()], bundle[found.end() :]
    script = f"(function(){{{before}window.DataTable={default};}})();{after}"
    notices = bundle[bundle.find(_LICENCE) :] if _LICENCE in bundle else ""
    ours = (
        "assets/page.js and style.css begin with DataTables and its extensions as bundled by the"
        " Python package itables (MIT License, Copyright (c) 2019-2026 Marc Wouts;"
        " datatables.net/license/mit). The only changes: the script's module export was replaced by"
        " a global name, and style rules that no page needs were left out.\n\n"
    )
    return {"datatables.js": script, "datatables.css": style, "LICENCES.txt": ours + notices}


class _Shorter(Extension):
    """Templates are written to be read; what is compiled of them is their shortest form."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _NOT_NEEDED.sub("", _QUOTED.sub(r"\1", source))


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        extensions=[_Shorter],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell_class"] = _cell_class
    return environment


def _cell_class(column: str) -> str:
    """'text' for columns that are read from the left, 'paper' for printed values, '' for
    numbers."""
    text = column in _TEXT_COLUMNS or column.endswith("method") or column.startswith("verdict")
    return " ".join(["text"] * text + ["paper"] * column.startswith("paper"))

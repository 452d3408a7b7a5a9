"""Tables and texts for LaTeX (booktabs)."""

from collections.abc import Sequence

from benchmark.core.texts import one_line
from reports.tables.tables import Table

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
} | {letter: f"\\{letter}" for letter in "&%$#_{}"}


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is, in one line."""
    return "".join(_ESCAPES.get(letter, letter) for letter in one_line(text))


def latex(table: Table, caption: str) -> str:
    """A table in LaTeX. A rule parts the blocks where dataset or generator changes; the paper's row
    of a generator stands with ours, whatever form ours has."""
    blocks = [place for place, name in enumerate(table.columns) if name in ("dataset", "generator")]
    lines: list[str] = [r"\midrule"]
    for number, row in enumerate(table.rows):
        before = table.rows[number - 1] if number else row
        if any(_name(row[place]) != _name(before[place]) for place in blocks[:1]):
            lines.append(r"\midrule")
        lines.append(" & ".join(map(latex_text, row)) + r" \\")
    return latex_table(table.columns, lines, f"lll{'r' * (len(table.columns) - 3)}", caption)


def _name(text: str) -> str:
    """'emitdiff' of 'emitdiff (from scratch)'."""
    return text.partition(" (")[0]


def latex_table(head: Sequence[str], lines: Sequence[str], columns: str, caption: str) -> str:
    """A table environment; needs \\usepackage{booktabs}.

    lines: in LaTeX already. columns: how they are set, such as 'lrr'. head and caption are plain
    text.
    """
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\scriptsize",
            rf"\caption{{{latex_text(caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(map(latex_text, head)) + r" \\",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )

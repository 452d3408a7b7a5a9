"""Draws changes of files: one operator, number, branch, loop or decorator of each is another one.

Run with the Python that has cosmic-ray, from the folder of the files:

    python tests/mutants/changes.py --count 60 --skip 0 FILE...

Writes JSON to stdout: {"all": how many changes there are, "drawn": [{"file", "line", "text": the
changed file}, ...]}. The order is that of a hash of what stands in the changed line, so that a draw
stays nearly the same when other lines of the file are edited, and `skip` gives a draw that shares
nothing with the first. Left out: changes inside type hints, which either fail at the import or are
never read, and of the stars of signatures and calls, which are no operators.
"""

import argparse
import ast
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

STARRED = ("parameters", "param", "argument", "star_expr", "testlist_star_expr", "dictorsetmaker")


def hints(code: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where each type hint of a file begins and ends: (line, column), lines from 1."""
    found = []
    for node in ast.walk(ast.parse(code)):
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if hint is not None:
                found.append(
                    ((hint.lineno, hint.col_offset), (hint.end_lineno, hint.end_col_offset))
                )
    return found


def is_star(node) -> bool:
    """Whether a node is the star of a signature, a call or a display."""
    return node.type == "operator" and node.parent.type in STARRED


def changes(file: str) -> Iterator[dict]:
    """Every change of a file: its file, line, operator, occurrence and place in the order."""
    code = Path(file).read_text(encoding="utf-8")
    lines, skipped = code.splitlines(), hints(code)
    nodes = list(ast_nodes(get_ast(code)))
    seen: Counter[tuple] = Counter()
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        operator = get_operator(name)()
        places = ((node, start) for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (node, (line, column)) in enumerate(places):
            hinted = any(low <= (line, column) < high for low, high in skipped)
            if hinted or is_star(node):
                continue
            place = (file, lines[line - 1].strip(), column, name)
            seen[place] += 1
            order = hashlib.sha256(repr((place, seen[place])).encode()).hexdigest()
            yield {
                "file": file,
                "line": line,
                "operator": name,
                "occurrence": occurrence,
                "order": order,
            }


def changed(change: dict) -> str:
    """The text of the changed file."""
    code = Path(change["file"]).read_text(encoding="utf-8")
    return mutate_code(code, get_operator(change["operator"])(), change["occurrence"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("files", nargs="+")
    given = parser.parse_args()
    every = [change for file in given.files for change in changes(file)]
    every.sort(key=lambda change: change["order"])
    drawn = [
        {"file": change["file"], "line": change["line"], "text": changed(change)}
        for change in every[given.skip : given.skip + given.count]
    ]
    print(json.dumps({"all": len(every), "drawn": drawn}))


if __name__ == "__main__":
    main()

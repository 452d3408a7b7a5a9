"""Lazy name -> object tables with "did you mean".

A registry holds dotted addresses ("package.module:attribute") and imports one only when it is
asked for, so that `--help` and `--dry-run` never import torch.
"""

import importlib
from collections.abc import Iterable, Mapping

from benchmark.core.errors import InputError
from benchmark.core.texts import did_you_mean

# A name that users give: safe in file names, pages and commands.
PLAIN_NAME = "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$"
LONGEST_NAME = 40


def check_name(kind: str, word: str, known: Iterable[str]) -> str:
    """Returns `word` if it is known; raises InputError naming the nearest and all known words
    otherwise."""
    known = list(known)
    if word not in known:
        raise InputError(
            f"unknown {kind} '{word}'{did_you_mean(word, known)}; known: {', '.join(known)}."
        )
    return word


class Registry(Mapping[str, str]):
    """Named addresses of one kind ("method", "architecture", ...); `load` imports the object behind
    a name."""

    def __init__(self, kind: str, addresses: Mapping[str, str]):
        self.kind = kind
        self._addresses = dict(addresses)

    def __getitem__(self, name: str) -> str:
        return self._addresses[name]

    def __iter__(self):
        return iter(self._addresses)

    def __len__(self) -> int:
        return len(self._addresses)

    def load(self, name: str):
        """The object registered under `name`. Raises InputError for an unknown name."""
        module, attribute = self._addresses[check_name(self.kind, name, self)].split(":")
        return getattr(importlib.import_module(module), attribute)

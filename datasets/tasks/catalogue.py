"""The built-in tasks, found by themselves: every module of this folder that holds a TASK.

Not here: data sets that a user's YAML file describes (sources/folder_yaml.py).
"""

import functools
import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

import datasets.tasks
from benchmark.core.registry import check_name
from datasets.tasks.task import OtherImages, Task, user_task


class Tasks(Mapping[str, Task]):
    """Name -> task, in the order of lists and tables."""

    def __getitem__(self, name: str) -> Task:
        return _found(tuple(datasets.tasks.__path__))[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_found(tuple(datasets.tasks.__path__)))

    def __len__(self) -> int:
        return len(_found(tuple(datasets.tasks.__path__)))

    def named(self, name: str) -> Task:
        """The built-in task of this name. Raises InputError for any other."""
        return self[check_name("dataset", name, self)]

    def check(self, names: Iterable[str], others: Iterable[str] = ()) -> None:
        """Raises InputError for a name that is neither built in nor one of the others."""
        known = dict.fromkeys([*self, *others])
        for name in names:
            check_name("dataset", name, known)

    def is_release_title(self, title: str) -> bool:
        """Whether a title is that of published images, whole or in part ("BUSI (malignant)")."""
        plain = unicodedata.normalize("NFKC", title)
        bare = _letters(re.split(r" ?\(|,|: ", plain)[0])
        return any(
            task.release is not None and bare == _letters(task.release.title)
            for task in self.values()
        )

    def others(self) -> dict[str, OtherImages]:
        """The images of no release that `data prepare` knows, by name."""
        return {images.name: images for task in self.values() for images in task.others}

    def of_results(self, name: str) -> Task:
        """The task that results of this name belong to: a built-in one, or a user's own, of which
        only the name is known."""
        return self.get(name) or user_task(name)


def _letters(title: str) -> str:
    """Its letters and digits alone, in lower case: what a reader takes a name by."""
    return "".join(filter(str.isalnum, title.casefold()))


@functools.cache
def _found(folders: tuple[str, ...]) -> dict[str, Task]:
    modules = pkgutil.iter_modules(folders, f"{datasets.tasks.__name__}.")
    loaded = (importlib.import_module(module.name) for module in modules)
    tasks: list[Task] = [module.TASK for module in loaded if hasattr(module, "TASK")]
    return {task.name: task for task in sorted(tasks, key=order)}


def order(task: Task) -> tuple[int, str]:
    """Sorts tasks as lists and tables have them."""
    return task.place, task.name


TASKS = Tasks()

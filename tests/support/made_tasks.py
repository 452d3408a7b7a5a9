"""Tasks in place of built-in ones, or beside them, for the time of a test."""

from dataclasses import replace

import pytest

from datasets.tasks import catalogue
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Task


def put(monkeypatch: pytest.MonkeyPatch, task: Task) -> None:
    """Has TASKS hold this task, and all others as before."""
    tasks = dict(TASKS) | {task.name: task}
    monkeypatch.setattr(catalogue, "_found", lambda folders: tasks)


def publish(monkeypatch: pytest.MonkeyPatch, name: str, *cases: str) -> None:
    """Has a built-in task's release consist of these cases."""
    task = TASKS[name]
    put(monkeypatch, replace(task, release=replace(task.published, cases=cases)))

"""A regular expression of the user's that finds the patient, class or centre in a case's id.

Some expressions need years for one name, such as ^(a+)+$. Python's engine looks for signals while
it works, so that an alarm ends it.
"""

import re
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from benchmark.core.errors import InputError
from benchmark.core.text_files import plain_text

SECONDS = 5.0  # for the ids of all cases together


class _TooSlow(Exception):
    pass


def check_expression(expression: str) -> None:
    """Raises ValueError, with what is wrong, unless it is an expression with a bracket."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of [[:alnum:]], which means something else in Python
            compiled = re.compile(expression)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise ValueError(f"is no regular expression ({error})") from error
    if compiled.groups < 1:
        raise ValueError(f"needs a bracket around what to take, as in '({expression})'")


def part_of_id(expression: str, key: str, where: Path | str) -> Callable[[str], str]:
    """A function case id -> what the expression's first bracket finds in it, or of brackets with
    names, as in (?P<A>[01]\\d)|(?P<B>\\d\\d), the name of the one that finds anything. Raises
    InputError where that is nothing, or takes too long."""
    compiled, left = re.compile(plain_text(expression)), SECONDS

    def part(case_id: str) -> str:
        nonlocal left
        start = time.monotonic()
        try:
            with _alarm(left):
                match = compiled.search(case_id)
        except _TooSlow:
            raise InputError(
                f"{where}: the expression of {key}, '{expression}', takes too long for case"
                f" '{case_id}'; write it without repeats inside repeats."
            ) from None
        left = max(left - (time.monotonic() - start), 0.01)
        named = {name for name, text in match.groupdict().items() if text} if match else set()
        found = min(named) if len(named) == 1 else match and not compiled.groupindex and match[1]
        if not found:
            raise InputError(
                f"{where}: the expression of {key}, '{expression}', finds"
                f" {'several of its names' if named else 'nothing'} in case '{case_id}'."
            )
        return found

    return part


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raises _TooSlow inside the block after some time. Elsewhere than in the main thread, and
    where the system has no such alarm, nothing is limited: a plan was made before in that
    thread."""
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooSlow

    before, start = signal.signal(signal.SIGALRM, stop), time.monotonic()
    waiting, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if waiting:  # another alarm was set; it goes on
            rest = waiting - (time.monotonic() - start)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 0.001), interval)

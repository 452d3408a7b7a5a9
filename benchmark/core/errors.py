"""The one error a user may cause, and how a call ends.

`InputError` carries one sentence that says what is wrong, where, and what to do. The command line
prints it and exits with code 2; nothing else is caught on the way, so a programming error still
shows its traceback.
"""

from enum import IntEnum


class InputError(Exception):
    """The call or the input is wrong. The message is one sentence for the user: what, where, what
    to do."""


class ExitCode(IntEnum):
    """How a call of the command line ends."""

    DONE = 0
    FAILED = 1  # some of what was asked for failed, or something is wrong; each is named
    BAD_INPUT = 2  # the call or the input is wrong

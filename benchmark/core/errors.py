"""The one error a user may cause, and how a call ends.

`InputError` carries one sentence that says what is wrong, where, and what to do. The command line
prints it and exits with code 2. Of other errors it words those that the machine tells of a path
alone; a programming error still shows its traceback.
"""

import errno
from enum import IntEnum


class InputError(Exception):
    """The call or the input is wrong. The message is one sentence for the user: what, where, what
    to do."""


# What to do where the machine refuses a path that no command words better.
OF_THE_MACHINE = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), "check its permissions"),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space"),
    errno.ENOENT: "check that its folder is there",
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST), "give another path"),
    errno.EROFS: "give a folder that can be written",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.ELOOP: "its links go round in circles",
}


class ExitCode(IntEnum):
    """How a call of the command line ends."""

    DONE = 0
    FAILED = 1  # some of what was asked for failed, or something is wrong; each is named
    BAD_INPUT = 2  # the call or the input is wrong

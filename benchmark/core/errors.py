"""The one error a user may cause.

`InputError` carries one sentence that says what is wrong, where, and what to do. The command line
prints it and exits with code 2; nothing else is caught on the way, so a programming error still
shows its traceback.
"""


class InputError(Exception):
    """The call or the input is wrong. The message is one sentence for the user: what, where, what
    to do."""

"""The one error that a user can mend."""


class InputError(Exception):
    """What the user gave cannot be used. The message is one line: what is wrong and what to do.

    Command lines print it without a traceback and exit with status 2.
    """

"""The one error that is meant for the reader of the terminal."""


class InputError(ValueError):
    """Something handed to the project cannot be used.

    The message is one sentence for a person: what is wrong, where, what was needed, and what to do. Jobs print it
    without a traceback and exit with status 1.
    """

"""The error for invalid input, whose message is shown to the user."""


class InputError(ValueError):
    """Invalid input: a file, an option or the state of a store.

    The message says what is wrong, where, what was expected and what to do. Jobs print it without a traceback and exit
    with status 1.
    """

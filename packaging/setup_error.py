"""The one error of the launcher."""


class SetupError(Exception):
    """The machine cannot be made ready; the message is one line with the remedy."""

"""Errors of the application; each message is one line with the values and what to do.

Signal and model planes have trees of their own (``model.errors``).
"""

from __future__ import annotations

from pathlib import Path

from model.files.records import Problem, one_line


class ParleyError(Exception):
    """Something a person can be told in one line; it is caught once, at a boundary."""


class BadInputError(ParleyError):
    """What a person gave (a file, an option) cannot be used.

    Attributes:
        file: where it was read; None for the command line.
        key: which entry, e.g. "user[2].wav"; "" where the file as a whole is meant.
        what: what is wrong, with the value.
        remedy: what to do; "" where ``what`` says it.
    """

    def __init__(self, file: Path | str | None, key: str, what: str, remedy: str = "") -> None:
        place = ": ".join(str(part) for part in (file, key) if part)
        message = ": ".join(part for part in (place, what) if part)
        super().__init__(one_line(f"{message}; {remedy}" if remedy else message))
        self.file = file
        self.key = key
        self.what = what
        self.remedy = remedy

    @classmethod
    def of_record(cls, problem: Problem) -> BadInputError:
        """Return the error of a file that the record readers refuse; pass it as their ``error``."""
        return cls(problem.place or None, problem.key, problem.what, problem.remedy)


class HistoryError(ParleyError):
    """The history file cannot be opened, read or written."""


class NewerHistoryError(HistoryError):
    """The history was written by a newer version; nothing in it was touched."""


class DamagedHistoryError(HistoryError):
    """The history file is not a database, or no longer a whole one."""


class UnknownConversationError(HistoryError):
    """The conversation was deleted."""

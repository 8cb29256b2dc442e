"""What a person types into the search box, turned into a condition on text, and the place it hit.

Any text is a valid query: it holds words to find, never syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAX_QUERY_CHARS = 200  # keeps the condition far below SQLite's limit on expression depth
_SNIPPET_BEFORE = 30
_SNIPPET_CHARS = 90

# Scripts written without spaces: the index sees a whole sentence as one word there, so that only
# looking through the text finds a part of it.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]|[^\0-\uffff]"
)


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """Words that must all occur, case-folded."""

    words: tuple[str, ...]

    def condition(self, id_sql: str, text_sql: str, has_index: bool) -> tuple[str, list[str]]:
        """SQL that is true where ``text_sql`` holds every word, and its parameters.

        With the index, a word also matches what begins with it ("rain" finds "raining"); without
        it, what contains it.
        """
        if has_index and all(_is_indexed(word) for word in self.words):
            match = " ".join('"' + word.replace('"', '""') + '"*' for word in self.words)
            hits = "(SELECT rowid FROM turns_search WHERE turns_search MATCH ?)"
            return f"{id_sql} IN {hits}", [match]
        each = f"instr(folded({text_sql}), ?) > 0"
        return "(" + " AND ".join([each] * len(self.words)) + ")", list(self.words)


def parse_query(query: str) -> SearchTerms:
    words = storable(query)[:_MAX_QUERY_CHARS].casefold().split()
    return SearchTerms(tuple(dict.fromkeys(words)))


def snippet_of(text: str, terms: SearchTerms) -> str:
    """One line of ``text`` around the first word found, else from its beginning."""
    line = " ".join(text.split())
    folded = line.casefold()
    hits = [at for at in (folded.find(word) for word in terms.words) if at >= 0]
    begin = max(0, min(hits, default=0) - _SNIPPET_BEFORE)
    piece = line[begin : begin + _SNIPPET_CHARS].strip()
    before = "…" if begin > 0 else ""
    after = "…" if begin + _SNIPPET_CHARS < len(line) else ""
    return f"{before}{piece}{after}"


def storable(text: str) -> str:
    """``text`` without what SQLite cannot hold as text: NUL and halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _is_indexed(word: str) -> bool:
    return any(char.isalnum() for char in word) and not _UNSPACED.search(word)

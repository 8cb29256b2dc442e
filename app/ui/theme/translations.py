"""The window's words in one language, from ``resources/translations/<language>.json``."""

import json
from pathlib import Path

TRANSLATIONS = Path(__file__).resolve().parents[3] / "resources" / "translations"
SOURCE_LANGUAGE = "en"


class Catalogue:
    """Words by key; what the language lacks is looked up in English."""

    def __init__(self, language: str, words: dict[str, str], source: dict[str, str]) -> None:
        self.language = language
        self._words = words
        self._source = source

    def __call__(self, key: str, **values: object) -> str:
        """Return the words of ``key`` with ``{name}`` filled in.

        Raises:
            KeyError: the key is unknown.
        """
        text = self._words.get(key) or self._source[key]
        return text.format(**values) if values else text

    def find(self, key: str, fallback: str) -> str:
        """Return the words of ``key`` in this language, or ``fallback``."""
        return self._words.get(key, fallback)


def available_languages() -> tuple[str, ...]:
    """Return the languages with a catalogue, English first."""
    names = sorted(path.stem for path in TRANSLATIONS.glob("*.json"))
    return tuple(sorted(names, key=lambda name: name != SOURCE_LANGUAGE))


def read_words(language: str) -> dict[str, str]:
    return json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8"))


def load_catalogue(language: str) -> Catalogue:
    """Return the catalogue of the language, or the English one if it is unknown."""
    source = read_words(SOURCE_LANGUAGE)
    is_known = language != SOURCE_LANGUAGE and language in available_languages()
    return Catalogue(
        language if is_known else SOURCE_LANGUAGE,
        read_words(language) if is_known else source,
        source,
    )

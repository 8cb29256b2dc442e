"""Which language somebody speaks: two recognisers listen, and the one that is surer is believed.

The English one is sure of English and doubts what it makes of Mandarin, so Mandarin is tried only
where it doubts.
"""

from __future__ import annotations

from typing import Protocol

from audio_io.frames import Samples
from model.cascade.clauses import is_cjk
from model.cascade.moonshine import Transcription

# Mean log probabilities per token. Of 99 English recordings the English recogniser wrote 85 with
# -0.4 or more, of 49 Mandarin ones none; of the rest the Mandarin one was surer by 0.2 in 47
# of the Mandarin and none of the English ones.
_SURE_OF_ENGLISH = -0.4
_MARGIN = 0.2
# Stands for the English recogniser where it wrote nothing. There the Mandarin one wrote Mandarin
# with -0.36 or more, and a sneeze with -0.41 (tune: `parley bench words RECORDINGS`).
_HEARD_NO_ENGLISH = -0.6
# After Mandarin more Mandarin is likely: single words are too short to be sure of otherwise.
_SURE_AFTER_MANDARIN = -0.2
_MARGIN_AFTER_MANDARIN = 0.0


class Transcriber(Protocol):
    """An offline recogniser."""

    def transcribe(self, samples: Samples) -> Transcription:
        """Return the words in float32 (n,) at 16 kHz."""
        ...


class BilingualTranscriber:
    """Writes English or Mandarin, whichever it hears; leans to what was heard last.

    A first guess, made while a phrase is still spoken, leans to what its ``leader`` heard.
    """

    def __init__(
        self,
        english: Transcriber,
        mandarin: Transcriber,
        leader: BilingualTranscriber | None = None,
    ) -> None:
        self._english = english
        self._mandarin = mandarin
        self._leader = leader or self
        self._is_after_mandarin = False

    def forget(self) -> None:
        """Lean to nothing: another conversation begins."""
        self._is_after_mandarin = False

    def transcribe(self, samples: Samples) -> Transcription:
        """See ``Transcriber``; Mandarin is tried only where the English recogniser doubts."""
        english = self._english.transcribe(samples)
        after = self._leader._is_after_mandarin  # noqa: SLF001 - another of this class
        heard = english
        if not english.text or english.mean_logprob < (
            _SURE_AFTER_MANDARIN if after else _SURE_OF_ENGLISH
        ):
            mandarin = self._mandarin.transcribe(samples)
            margin = _MARGIN_AFTER_MANDARIN if after else _MARGIN
            rival = english.mean_logprob if english.text else _HEARD_NO_ENGLISH
            if mandarin.text and mandarin.mean_logprob > rival + margin:
                heard = mandarin
        if heard.text:
            self._is_after_mandarin = heard.language == "zh"
        return heard


def written_language(text: str) -> str | None:
    """Return "zh" or "en" by the characters of ``text``, None where it has no letters.

    One ideograph says about as much as four letters.
    """
    n_ideographs = sum(map(is_cjk, text))
    n_letters = sum(char.isalpha() for char in text) - n_ideographs
    if not n_ideographs and not n_letters:
        return None
    return "zh" if 4 * n_ideographs > n_letters else "en"

"""The synthetic people whose turns are learnt from; none of them repeats a recording."""

from collections.abc import Iterator
from pathlib import Path

from model.cascade.synthesizer import Synthesizer
from model.duplex.lexicon import read_lexicons
from model.files.content_cache import Cache
from model.training.duplex.data.performance import Performer
from model.training.duplex.data.pipeline import TEXTS, written_sentences
from model.training.duplex.data.speaker_pool import SpeakerPool, phrase_bank
from model.training.duplex.data.speakers import TRAIN, slow_speakers
from model.training.duplex.data.speech import SynthesizedSpeech
from model.training.duplex.text_head.published_texts import fetch

LANGUAGES = ("en", "zh")


def performers(work: Path, weights: Path) -> Iterator[tuple[str, Performer]]:
    """Yield who says turns in each language; what the slow voices said stays in ``work``.

    Raises:
        ModelError: weights or texts are missing or damaged.
    """
    fetch(work / TEXTS)
    speech = SynthesizedSpeech(Synthesizer(weights), Cache(work / "cache"))
    sentences = written_sentences(work / TEXTS, TRAIN)
    for language in LANGUAGES:
        pool = SpeakerPool(speech, (), TRAIN, phrase_bank(slow_speakers()), sentences)
        yield language, Performer(pool, read_lexicons()[language])

from __future__ import annotations

import numpy as np
import pytest

from model.duplex.lexicon import read_lexicons
from model.training.duplex.data.performance import Performer, pause_s
from model.training.duplex.data.speaker_pool import SpeakerPool
from model.training.duplex.data.speakers import fast_speakers
from model.training.duplex.data.speech import ToneSpeech
from model.training.duplex.data.turn_texts import TurnText, turn_text
from model.training.duplex.data.utterance import Utterance
from tests.fakes.duplex_scenes import tone_pool

LEXICON = read_lexicons()["en"]
SPEAKER = fast_speakers()[0]


class OneText(SpeakerPool):
    """Always asked to say the same."""

    def __init__(self, text: str) -> None:
        self._text = TurnText("plain", text, "en")
        self._speech = ToneSpeech()

    def turn(self, kind: str, language: str, rng: np.random.Generator):
        return SPEAKER, self._text, True

    def say(self, speaker, text: str, rng) -> Utterance:
        return self._speech.say(speaker, text)


def test_pauses_are_between_a_fifth_of_a_second_and_two_and_a_bit() -> None:
    rng = np.random.default_rng(0)
    drawn = [pause_s(rng) for _ in range(2000)]
    assert min(drawn) >= 0.2
    assert max(drawn) <= 2.2
    assert 0.6 < float(np.median(drawn)) < 0.9


def test_pauses_are_silent_and_where_they_are_said_to_be() -> None:
    performer = Performer(tone_pool(), LEXICON)
    for seed in range(12):
        performance = performer.paused("numbers", "en", np.random.default_rng(seed))
        assert performance.pauses
        for pause in performance.pauses:
            samples = performance.utterance.samples
            first, last = (round(t * 16_000) for t in (pause.start_s, pause.end_s))
            inside = samples[first + 320 : last - 320]
            assert float(np.abs(inside).max()) < 1e-3
            assert last < len(samples)


def test_people_stop_after_function_words_more_than_elsewhere() -> None:
    performer = Performer(OneText("green trees stand with high leaves near old houses"), LEXICON)
    stops = 0
    for seed in range(60):
        performance = performer.truncated("plain", "en", np.random.default_rng(seed))
        assert not performance.is_complete
        stops += performance.utterance.words[-1].text in ("with", "near")
    assert stops > 25  # of 60; by chance it would be 15


def test_a_split_turn_has_all_its_words_once() -> None:
    text = "one two three four five"
    performer = Performer(OneText(text), LEXICON)
    first, second = performer.split("plain", "en", np.random.default_rng(1))
    assert f"{first.text} {second.text}" == text
    assert first.words
    assert second.words


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["plain", "hesitant", "list", "numbers", "correction", "story"])
def test_texts_are_whole_without_their_marks(kind: str, language: str) -> None:
    for seed in range(20):
        text = turn_text(kind, language, np.random.default_rng(seed))
        assert "|" not in text.plain
        assert "{" not in text.plain
        assert text.plain[-1] in ".?。？"
        assert len(text.pieces) >= 1

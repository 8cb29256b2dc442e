from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.moonshine import Hypothesis, Transcription
from model.cascade.short_words import (
    SHORT_S,
    ShortWordList,
    TwoSizeTranscriber,
    margin_s,
    read_short_words,
)
from model.errors import WeightsError

SOUND = np.full(ENGINE_RATE_HZ, 0.1, np.float32)
LONG = np.full(int((SHORT_S + 2.0) * ENGINE_RATE_HZ), 0.1, np.float32)
SILENCE = Hypothesis("", -0.05, 0)


class Ear:
    """Tells readings it was given; the first one is what it writes."""

    def __init__(self, *readings: Hypothesis | tuple[str, float]) -> None:
        self.readings = tuple(
            r if isinstance(r, Hypothesis) else Hypothesis(r[0], r[1], 2) for r in readings
        )
        self.n_calls = 0

    def transcribe(self, samples: Samples) -> Transcription:
        self.n_calls += 1
        first = self.readings[0]
        return Transcription(first.text, first.logprob / max(1, first.n_tokens), first.n_tokens)

    def hypotheses(self, samples: Samples, n: int) -> tuple[Hypothesis, ...]:
        self.n_calls += 1
        return self.readings


def heard(large: Ear, small: Ear, samples: Samples = SOUND) -> str:
    return TwoSizeTranscriber(large, small).transcribe(samples).text


def test_the_word_both_recognisers_came_to_is_written() -> None:
    large = Ear(("Try.", -1.0), ("Five.", -1.6))
    small = Ear(("Fine.", -0.5), ("Five.", -1.1))
    assert heard(large, small) == "Five."


def test_the_small_recogniser_counts_where_the_large_one_is_silent() -> None:
    large = Ear(SILENCE, ("Eight.", -3.0), ("Ate.", -5.0))
    assert heard(large, Ear(("Eight.", -0.4), ("Egg.", -2.0))) == "Eight."


def test_noise_in_which_the_large_recogniser_rules_words_out_is_no_word() -> None:
    large = Ear(SILENCE, ("You", -9.4), ("Thank you.", -13.0))
    assert heard(large, Ear(("You", -0.2), ("Thank you.", -5.0))) == ""


def test_what_the_large_recogniser_did_not_even_consider_is_not_taken_from_the_small_one() -> None:
    large = Ear(SILENCE, ("Eight.", -3.0))
    assert heard(large, Ear(("Wildebeest.", -2.1))) == ""


def test_signs_are_no_words() -> None:
    assert heard(Ear(SILENCE), Ear(("♪♪", -0.1))) == ""


@pytest.mark.parametrize(
    ("reading", "written"), [("For.", "Four."), ("Won.", "One."), ("Four.", "Four."), ("4.", "4.")]
)
def test_a_number_said_alone_is_written_as_a_number(reading: str, written: str) -> None:
    assert heard(Ear((reading, -0.3)), Ear((reading, -0.3))) == written


def test_a_lone_word_does_not_end_in_a_comma() -> None:
    assert heard(Ear(("Yes,", -0.3)), Ear(("Yes,", -0.3))) == "Yes."


def test_both_readings_of_a_sound_that_is_no_common_word_may_win() -> None:
    assert heard(Ear(("Wildfire.", -0.4)), Ear(("Wildfire.", -0.9))) == "Wildfire."


def test_a_longer_clip_is_the_large_recognisers_alone() -> None:
    large, small = Ear(("For.", -0.3)), Ear(("Four.", -0.3))
    assert heard(large, small, LONG) == "For."
    assert small.n_calls == 0


def test_a_sentence_the_large_recogniser_knows_counts_although_it_is_silent() -> None:
    silence = Hypothesis("", -0.4, 0)
    assert heard(Ear(silence, ("Call me.", -1.4)), Ear(SILENCE), LONG) == "Call me."


@pytest.mark.parametrize(("silence", "reading"), [(-0.05, -1.4), (-0.4, -3.0)])
def test_longer_noise_stays_silent(silence: float, reading: float) -> None:
    large = Ear(Hypothesis("", silence, 0), ("Thanks for watching!", reading))
    assert heard(large, Ear(("You", -0.2)), LONG) == ""


def test_the_more_is_said_the_more_quiet_belongs_around_it() -> None:
    margins = [margin_s(voice_s) for voice_s in (0.1, 0.5, 1.0, 1.5, 3.0, 8.0)]
    assert margins == sorted(margins)
    assert margins[0] < margins[-1]


def test_every_word_of_the_list_is_in_the_form_in_which_it_is_looked_up() -> None:
    words = read_short_words()
    assert {word for word in words.expected if words.spoken(word) != word} == set()
    assert set(words.sounds_like.values()) <= words.expected


@pytest.mark.parametrize("text", ["expected = 3", "expected = []", "nothing = 1", "expected = ["])
def test_a_broken_list_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "en.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"en\.toml"):
        read_short_words(path)


def test_a_list_may_be_ones_own() -> None:
    words = ShortWordList(frozenset({"tea"}), {"tee": "tea"})
    ears = TwoSizeTranscriber(Ear(("Tee.", -1.0)), Ear(("Tee.", -1.0)), words)
    assert ears.transcribe(SOUND).text == "Tea."


def test_a_plain_word_needs_no_second_opinion() -> None:
    small = Ear(("Won.", -0.1))
    assert heard(Ear(("Stop.", -0.1)), small) == "Stop."
    assert small.n_calls == 0


def test_what_only_one_recogniser_reads_is_doubted() -> None:
    """It may be another language: the Mandarin recogniser is asked where English is in doubt."""
    agreed = TwoSizeTranscriber(Ear(("Wildfire.", -0.6)), Ear(("Wildfire.", -0.6)))
    alone = TwoSizeTranscriber(Ear(("Somehow.", -0.6)), Ear(("Shanghang.", -0.9)))
    assert agreed.transcribe(SOUND).mean_logprob > -0.4
    assert alone.transcribe(SOUND).mean_logprob < -0.8

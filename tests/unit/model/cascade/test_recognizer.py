from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, frozen
from model.cascade.moonshine import Transcription, has_looped, without_loop
from model.cascade.recognizer import StreamingRecognizer, joined, quietest_place, trimmed
from model.cascade.short_words import margin_s

RATE = ENGINE_RATE_HZ


class Counter:
    """Writes one word per 500 ms of sound; remembers how much it was given."""

    def __init__(self, name: str, logprob: float = -0.1, language: str = "en") -> None:
        self.name = name
        self.logprob = logprob
        self.language = language
        self.seconds: list[float] = []

    def transcribe(self, samples: Samples) -> Transcription:
        self.seconds.append(len(samples) / RATE)
        n_loud = int(np.count_nonzero(np.abs(samples) > 0.01))
        n_words = n_loud // (RATE // 2)
        return Transcription(" ".join([self.name] * n_words), self.logprob, n_words, self.language)


def sound(seconds: float, level: float = 0.1) -> Samples:
    return np.full(int(seconds * RATE), level, np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def feed(recognizer: StreamingRecognizer, samples: Samples, size: int = 160) -> list[str]:
    return [
        recognizer.partial_text
        for start in range(0, len(samples), size)
        if recognizer.hear(AudioFrame(frozen(samples[start : start + size]), start))
    ]


def test_partials_grow_while_somebody_speaks_and_the_final_model_writes_the_end() -> None:
    recognizer = StreamingRecognizer(Counter("p"), Counter("f"))
    partials = feed(recognizer, sound(3.0))
    assert len(partials) >= 4
    assert [len(p.split()) for p in partials] == sorted(len(p.split()) for p in partials)
    assert recognizer.finish().split() == ["f"] * 6


def test_silence_costs_nothing_and_is_nothing() -> None:
    partial, final = Counter("p"), Counter("f")
    recognizer = StreamingRecognizer(partial, final)
    assert feed(recognizer, silence(5.0)) == []
    assert recognizer.finish() == ""
    assert partial.seconds == final.seconds == []


def test_a_long_turn_is_decoded_in_bounded_pieces() -> None:
    partial, final = Counter("p"), Counter("f")
    recognizer = StreamingRecognizer(partial, final)
    turn = np.concatenate([sound(2.0), silence(0.4)] * 12)
    feed(recognizer, turn)
    text = recognizer.finish()
    assert max(partial.seconds + final.seconds) <= 9.0
    assert len(text.split()) == pytest.approx(48, abs=3)


def test_speech_without_a_pause_is_cut_all_the_same() -> None:
    partial, final = Counter("p"), Counter("f")
    recognizer = StreamingRecognizer(partial, final)
    feed(recognizer, sound(30.0))
    recognizer.finish()
    assert max(partial.seconds + final.seconds) <= 9.0


def test_one_huge_frame_is_cut_too() -> None:
    final = Counter("f")
    recognizer = StreamingRecognizer(Counter("p"), final)
    recognizer.hear(AudioFrame(frozen(sound(25.0)), 0))
    recognizer.finish()
    assert max(final.seconds) <= 25.0
    assert recognizer.finish().split()


def test_finishing_twice_decodes_once() -> None:
    final = Counter("f")
    recognizer = StreamingRecognizer(Counter("p"), final)
    feed(recognizer, sound(1.0))
    recognizer.finish()
    n = len(final.seconds)
    recognizer.finish()
    assert len(final.seconds) == n


def test_words_the_large_model_does_not_hear_are_not_shown() -> None:
    class Deaf(Counter):
        def transcribe(self, samples: Samples) -> Transcription:
            return Transcription("", 0.0, 0)

    assert feed(StreamingRecognizer(Counter("p"), Deaf("f")), sound(3.0)) == []


def test_doubtful_words_are_dropped() -> None:
    recognizer = StreamingRecognizer(Counter("p", -3.0), Counter("f", -3.0))
    assert feed(recognizer, sound(2.0)) == []
    assert recognizer.finish() == ""


def test_audio_that_comes_twice_is_heard_once() -> None:
    recognizer = StreamingRecognizer(Counter("p"), Counter("f"))
    feed(recognizer, sound(2.0))
    feed(recognizer, sound(2.0))
    assert len(recognizer.finish().split()) == 4


@settings(max_examples=20)
@given(st.integers(80, 4000))
def test_the_size_of_frames_does_not_change_the_final_text(size: int) -> None:
    turn = np.concatenate([sound(1.5), silence(0.3), sound(1.0), silence(0.5)])
    recognizer = StreamingRecognizer(Counter("p"), Counter("f"))
    feed(recognizer, turn, size)
    assert recognizer.finish().split() == ["f"] * 5


def test_quiet_ends_are_trimmed_to_a_margin() -> None:
    for seconds in (0.3, 1.0, 3.0):
        cut = trimmed(np.concatenate([silence(2.0), sound(seconds), silence(2.0)]))
        assert cut is not None
        assert len(cut) / RATE == pytest.approx(seconds + 2.0 * margin_s(seconds), abs=0.05)
    assert trimmed(silence(3.0)) is None


def test_the_quietest_place_is_the_pause() -> None:
    samples = np.concatenate([sound(3.0), silence(0.3), sound(1.0)])
    assert quietest_place(samples, RATE) / RATE == pytest.approx(3.15, abs=0.1)


def test_a_stuck_decoder_is_noticed_and_its_loop_kept_once() -> None:
    assert has_looped([9, 1, 2, 1, 2, 1, 2, 1, 2])
    assert without_loop([9, 1, 2, 1, 2, 1, 2, 1, 2]) == [9, 1, 2]
    assert not has_looped([1, 2, 3, 1, 2, 3, 4])


def test_the_turn_has_the_language_of_its_words() -> None:
    recognizer = StreamingRecognizer(Counter("说", -0.1, "zh"), Counter("说", -0.1, "zh"))
    assert recognizer.language == "en"
    feed(recognizer, sound(2.0))
    assert recognizer.language == "zh"
    recognizer.finish()
    assert recognizer.language == "zh"
    recognizer.begin()
    assert recognizer.language == "en"


def test_the_longer_part_of_a_mixed_turn_decides() -> None:
    class Changing(Counter):
        def transcribe(self, samples: Samples) -> Transcription:
            heard = super().transcribe(samples)
            self.language = "zh"  # everything after the first stretch
            return heard

    recognizer = StreamingRecognizer(Counter("p"), Changing("f"))
    assert feed(recognizer, sound(30.0))
    recognizer.finish()
    assert recognizer.language == "zh"


def test_mandarin_is_doubted_sooner_than_english() -> None:
    for language, expected in (("en", 4), ("zh", 0)):
        doubtful = Counter("x", -0.9, language)
        recognizer = StreamingRecognizer(doubtful, doubtful)
        feed(recognizer, sound(2.0))
        assert len(recognizer.finish().split()) == expected


def test_stretches_of_mandarin_are_joined_with_a_comma() -> None:
    assert joined(["你好", "再见"]) == "你好，再见"
    assert joined(["Hello", "再见", "bye."]) == "Hello 再见 bye."


# -- guesses -----------------------------------------------------------------------------------


def guesses(recognizer: StreamingRecognizer, samples: Samples) -> list[tuple[float, str]]:
    """(seconds heard, words) of every guess."""
    found: list[tuple[float, str]] = []
    for start in range(0, len(samples), 160):
        recognizer.hear(AudioFrame(frozen(samples[start : start + 160]), start))
        if (guess := recognizer.guess()) is not None:
            found.append(((start + 160) / RATE, guess))
    return found


def test_a_pause_is_guessed_once_and_soon() -> None:
    recognizer = StreamingRecognizer(Counter("p"), Counter("f"))
    found = guesses(recognizer, np.concatenate([sound(2.2), silence(2.0)]))
    assert [guess.split() for _, guess in found] == [["f"] * 4]
    assert found[0][0] == pytest.approx(2.2 + 0.1, abs=0.03)
    assert not recognizer.has_said_more


def test_the_words_of_a_guess_are_final_while_nothing_is_heard() -> None:
    final = Counter("f")
    recognizer = StreamingRecognizer(Counter("p"), final)
    ((_, guess),) = guesses(recognizer, np.concatenate([sound(2.2), silence(0.08)]))
    n = len(final.seconds)
    assert recognizer.finish() == guess
    assert len(final.seconds) == n


def test_every_pause_of_a_turn_is_guessed() -> None:
    recognizer = StreamingRecognizer(Counter("p"), Counter("f"))
    parts = [sound(1.5), silence(0.3), sound(1.5), silence(0.3)]
    found = guesses(recognizer, np.concatenate(parts))
    assert [guess.split() for _, guess in found] == [["f"] * 3, ["f"] * 6]


def test_while_somebody_speaks_and_in_noise_nothing_is_guessed() -> None:
    assert guesses(StreamingRecognizer(Counter("p"), Counter("f")), sound(4.0)) == []
    doubted = StreamingRecognizer(Counter("p"), Counter("f", logprob=-3.0))
    assert guesses(doubted, np.concatenate([sound(2.0), silence(1.0)])) == []


def test_words_after_a_guess_are_noticed_a_breath_is_not() -> None:
    recognizer = StreamingRecognizer(Counter("p"), Counter("f"))
    guesses(recognizer, np.concatenate([sound(2.2), silence(0.2), sound(0.1)]))
    assert not recognizer.has_said_more
    guesses(recognizer, np.concatenate([silence(2.5), sound(0.3)]))
    assert recognizer.has_said_more


def test_guesses_change_nothing_of_what_is_heard() -> None:
    heard = np.concatenate([sound(1.7), silence(0.3), sound(1.2), silence(0.5)])
    plain, guessing = (StreamingRecognizer(Counter("p"), Counter("f")) for _ in range(2))
    partials: list[str] = []
    for start in range(0, len(heard), 160):
        frame = AudioFrame(frozen(heard[start : start + 160]), start)
        if guessing.hear(frame):
            partials.append(guessing.partial_text)
        guessing.guess()
    assert feed(plain, heard) == partials
    assert plain.finish() == guessing.finish()

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.cascade.engines import RATE_HZ, RawSpeech, read_style
from model.cascade.phonemes import Phonemes, PhonemeWord
from model.cascade.speech_text import Span
from model.cascade.synthesizer import Synthesizer, joined
from model.cascade.voices import blend_of, read_voices
from model.errors import ModelError, WeightsError
from model.types import VoiceChoice


@pytest.fixture(scope="module")
def synthesizer(tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    return Synthesizer(tmp_path_factory.mktemp("no-weights"))


def test_the_bundled_voice_needs_no_weights(synthesizer: Synthesizer) -> None:
    assert [v.id for v in synthesizer.voices()] == ["heart"]


def test_marks_cover_every_word_in_order_and_end_with_the_sound(
    synthesizer: Synthesizer,
) -> None:
    text = "It costs $3.50, or 1,250 km away."
    spoken = synthesizer.speak(text, synthesizer.resolve(VoiceChoice(), "en"), 1.0)
    words = [text[m.text_start : m.text_end] for m in spoken.marks]
    assert words == ["It", "costs", "$3.50,", "or", "1,250", "km", "away."]
    ends = [m.sample_end for m in spoken.marks]
    assert ends == sorted(ends)
    sounding = np.flatnonzero(np.abs(spoken.samples) > 0.02)
    assert abs(ends[-1] - int(sounding[-1])) < 0.2 * RATE_HZ
    assert int(sounding[0]) < 0.06 * RATE_HZ


def test_a_longer_word_gets_a_longer_mark(synthesizer: Synthesizer) -> None:
    voice = synthesizer.resolve(VoiceChoice(), "en")
    spoken = synthesizer.speak("A responsibility.", voice, 1.0)
    short, long = (m.sample_end - m.sample_start for m in spoken.marks)
    assert long > 3 * short


def test_the_same_text_is_the_same_sound(synthesizer: Synthesizer) -> None:
    voice = synthesizer.resolve(VoiceChoice(), "en")
    first, second = (synthesizer.speak("Good morning.", voice, 1.0) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)


def test_nothing_to_say_is_no_sound(synthesizer: Synthesizer) -> None:
    spoken = synthesizer.speak("😀", synthesizer.resolve(VoiceChoice(), "en"), 1.0)
    assert not len(spoken.samples)
    assert spoken.marks == ()


@pytest.mark.parametrize("choice", ["nobody", "emma", "emma+george:0.5", "+:x"])
def test_a_voice_that_is_not_here_is_replaced_by_the_bundled_one(
    synthesizer: Synthesizer, choice: str
) -> None:
    assert synthesizer.resolve(VoiceChoice(choice), "en").preset.id == "heart"


def test_silence_before_the_first_sound_is_cut_and_the_end_does_not_click() -> None:
    tone = np.full(RATE_HZ, 0.5, np.float32)
    raw = np.concatenate([np.zeros(RATE_HZ, np.float32), tone])
    phonemes = Phonemes("a", (PhonemeWord(0, 1, Span(0, 1)),))
    onsets = np.array([RATE_HZ, 2 * RATE_HZ])
    spoken = joined(RawSpeech(raw, onsets), phonemes, 100.0, 0.0)
    (mark,) = spoken.marks
    assert mark.sample_start == pytest.approx(0.02 * RATE_HZ, abs=0.006 * RATE_HZ)
    steps = np.abs(np.diff(spoken.samples[mark.sample_end - 10 :]))
    assert float(steps.max()) < 0.02


def test_levels_never_clip() -> None:
    raw = RawSpeech(np.full(RATE_HZ, 0.9, np.float32), np.array([0, RATE_HZ]))
    phonemes = Phonemes("a", (PhonemeWord(0, 1, Span(0, 1)),))
    assert float(np.max(joined(raw, phonemes, 0.0, 20.0).samples)) <= 0.9


def test_the_file_offers_what_is_promised() -> None:
    voices = read_voices().values()
    hd = [v for v in voices if v.engine == "kokoro" and len(v.styles) == 1]
    assert len(hd) >= 8
    assert sum(v.language == "zh" for v in hd) >= 2
    assert {v.accent for v in hd} >= {"American", "British", "Mandarin"}
    assert {v.gender for v in hd} == {"female", "male"}
    assert sum(len(v.styles) > 1 for v in voices) >= 2
    assert all(v.realtime_factor for v in voices)


def test_a_broken_voice_file_names_voice_and_key(tmp_path: Path) -> None:
    path = tmp_path / "voices.toml"
    path.write_text('[[voice]]\nid = "x"\n', "utf-8")
    with pytest.raises(ModelError, match=r"voices.toml: voice\[0\].name: is missing"):
        read_voices(path)


def test_a_damaged_style_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"123")
    with pytest.raises(WeightsError, match=r"x\.bin"):
        read_style(path)


def test_blends_are_parsed() -> None:
    assert blend_of("a+b:0.3") == ("a", "b", 0.3)
    assert blend_of("a+b") == ("a", "b", 0.5)
    assert blend_of("a+b:7") == ("a", "b", 1.0)
    assert blend_of("a") is None
    assert blend_of("a+b:much") is None


@pytest.mark.needs_weights("kokoro-82m-int8", "kokoro-voice-af_heart", "kokoro-voice-af_bella")
def test_a_blend_sounds_unlike_both_of_its_voices(weight_store: object) -> None:
    made = Synthesizer(weight_store.folder)  # type: ignore[attr-defined]
    sounds = [
        made.speak("Hi.", made.resolve(VoiceChoice(choice), "en"), 1.0).samples
        for choice in ("heart-hd", "bella", "heart-hd+bella:0.5")
    ]
    assert all(len(s) > RATE_HZ // 5 for s in sounds)
    n = min(map(len, sounds))
    assert not np.array_equal(sounds[2][:n], sounds[0][:n])
    assert not np.array_equal(sounds[2][:n], sounds[1][:n])

"""One file or text through a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.batch.work import Workbench, WorkError, joined
from app.messages.errors import BadInputError
from audio_io.frames import Samples
from audio_io.interfaces import VoiceActivityDetector
from model.errors import ModelError
from model.events import ReplyEvent
from model.interfaces import SpeechModel
from model.scripted import Script
from model.types import VoiceChoice, VoicePreset
from tests.fakes.audio import EnergyVad, tone
from tests.fakes.tasks import EarModel, ListeningModel, Watch, WritingEarModel, scripted

VOICE = VoiceChoice()


def bench(model: SpeechModel) -> Workbench:
    model.load(lambda _: None)
    return Workbench(model, EnergyVad)


def recorded(tmp_path: Path, *parts: Samples) -> Path:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.concatenate(parts), 16_000)
    return path


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * 16_000), np.float32)


def no_detector() -> VoiceActivityDetector:
    raise AssertionError("a short recording needs none")


def test_a_short_recording_is_heard_whole_in_one_turn(tmp_path: Path) -> None:
    sound = np.concatenate([quiet(2.0), tone(1.0), quiet(2.0)])
    model = ListeningModel(Script(transcripts={1: "hello there"}))
    outcome = Workbench(model, no_detector).transcribe(recorded(tmp_path, sound), Watch().progress)
    assert outcome.text == "hello there"
    assert outcome.duration_s == 5.0
    assert outcome.compute_s > 0.0
    assert outcome.real_time_factor == pytest.approx(outcome.compute_s / 5.0)
    (heard,) = model.turns
    together = np.concatenate([frame.samples for frame in heard])
    np.testing.assert_allclose(together, sound, atol=1e-4)
    assert model.n_open == 0


def test_a_long_recording_is_heard_stretch_by_stretch_and_put_together(tmp_path: Path) -> None:
    model = ListeningModel(Script(transcripts={1: "One.", 2: "Two.", 3: "Three."}))
    talk = [part for _ in range(3) for part in (quiet(2.0), tone(3.0))]
    watch = Watch()
    outcome = bench(model).transcribe(recorded(tmp_path, *talk), watch.progress)
    assert outcome.text == "One. Two. Three."
    assert outcome.language == "en"
    assert [segment.text for segment in outcome.segments] == ["One.", "Two.", "Three."]
    starts = [segment.start_s for segment in outcome.segments]
    assert starts == pytest.approx([1.8, 6.8, 11.8], abs=0.05)
    assert [done for done, _ in watch.reports] == [s.end_s for s in outcome.segments]
    assert {total for _, total in watch.reports} == {15.0}
    assert all(frame.start == 0 for frame in (turn[0] for turn in model.turns))


def test_silence_has_no_words(tmp_path: Path) -> None:
    outcome = bench(scripted()).transcribe(recorded(tmp_path, quiet(20.0)), Watch().progress)
    assert (outcome.text, outcome.language, outcome.segments) == ("", None, ())


def test_a_model_that_does_not_write_down_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="does not write it down; choose another one"):
        bench(EarModel()).transcribe(recorded(tmp_path, tone(1.0)), Watch().progress)


def test_a_model_that_writes_down_when_asked_is_asked(tmp_path: Path) -> None:
    path = recorded(tmp_path, tone(1.0))
    outcome = bench(WritingEarModel()).transcribe(path, Watch().progress)
    assert (outcome.text, outcome.language) == ("turn 1", "zh")


def test_an_answer_is_text_and_sound(tmp_path: Path) -> None:
    path = recorded(tmp_path, quiet(3.0), tone(12.0), quiet(3.0))
    model = ListeningModel(Script({1: "I hear you well."}, {1: "hello"}))
    watch = Watch()
    out = tmp_path / "out.wav"
    outcome = bench(model).answer(path, out, VOICE, watch.progress)
    assert (outcome.text, outcome.reply_text) == ("hello", "I hear you well.")
    assert outcome.reply_audio == out
    said, rate_hz = soundfile.read(out)
    assert rate_hz == model.sample_rate_hz
    assert outcome.reply_duration_s == pytest.approx(len(said) / rate_hz)
    assert len(model.turns) == 1  # the whole recording is one turn of the user
    assert watch.reports[-1] == (18.0, 18.0)
    assert model.n_open == 0


def test_an_answer_without_a_place_for_the_sound_is_text(tmp_path: Path) -> None:
    outcome = bench(scripted("Yes.")).answer(
        recorded(tmp_path, tone(1.0)), None, VOICE, Watch().progress
    )
    assert (outcome.reply_text, outcome.reply_audio) == ("Yes.", None)


@pytest.mark.parametrize("written", [None, "hello"])
def test_a_model_that_answers_by_ear_answers(tmp_path: Path, written: str | None) -> None:
    outcome = bench(EarModel(written)).answer(
        recorded(tmp_path, tone(1.0)), tmp_path / "out.wav", VOICE, Watch().progress
    )
    assert (outcome.text, outcome.reply_text) == (written, "Yes.")


def test_a_recording_in_which_nobody_speaks_is_not_answered(tmp_path: Path) -> None:
    model = ListeningModel(Script())
    with pytest.raises(WorkError, match="no words"):
        bench(model).answer(
            recorded(tmp_path, quiet(1.0)), tmp_path / "out.wav", VOICE, Watch().progress
        )
    assert not (tmp_path / "out.wav").exists()
    assert model.n_open == 0


def test_an_empty_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="no answer"):
        bench(scripted("")).answer(
            recorded(tmp_path, tone(1.0)), tmp_path / "out.wav", VOICE, Watch().progress
        )


def test_an_answer_that_fails_leaves_no_half_of_it(tmp_path: Path) -> None:
    model = ListeningModel(
        Script({1: "One two three four five six seven eight nine."}, fails_in_turns=frozenset({1}))
    )
    with pytest.raises(ModelError):
        bench(model).answer(
            recorded(tmp_path, tone(1.0)), tmp_path / "out.wav", VOICE, Watch().progress
        )
    assert [file.name for file in tmp_path.iterdir()] == ["in.wav"]
    assert model.n_open == 0


def test_a_recording_that_is_missing_is_no_turn(tmp_path: Path) -> None:
    model = ListeningModel(Script())
    with pytest.raises(BadInputError, match="is not there"):
        bench(model).transcribe(tmp_path / "no.wav", Watch().progress)
    assert model.turns == []


def test_a_long_text_is_spoken_piece_by_piece_into_one_file(tmp_path: Path) -> None:
    sentence = "This is a sentence of nine words, more or less. "
    model = ListeningModel(Script())
    watch = Watch()
    outcome = bench(model).speak(sentence * 30, tmp_path / "out.wav", VOICE, watch.progress)
    assert len(model.said) > 3
    assert max(map(len, model.said)) <= 400
    assert " ".join(model.said) == (sentence * 30).strip()
    said, rate_hz = soundfile.read(tmp_path / "out.wav")
    assert outcome.duration_s == pytest.approx(len(said) / rate_hz)
    assert outcome.duration_s > 60.0
    assert [done for done, _ in watch.reports] == sorted(done for done, _ in watch.reports)


def test_a_text_without_words_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="nothing of the text"):
        bench(scripted()).speak(" \n ", tmp_path / "out.wav", VOICE, Watch().progress)
    assert not list(tmp_path.iterdir())


def test_the_rate_is_that_of_the_voice(tmp_path: Path) -> None:
    work = bench(scripted())
    slow = work.speak("Good morning.", tmp_path / "s.wav", VoiceChoice(rate=0.8), Watch().progress)
    fast = work.speak("Good morning.", tmp_path / "f.wav", VoiceChoice(rate=1.4), Watch().progress)
    assert slow.duration_s > 1.5 * fast.duration_s


def test_stretches_are_joined_as_their_language_is_written() -> None:
    assert joined(["One.", "two"]) == "One. two"
    assert joined(["今天", "天气"]) == "今天，天气"
    assert joined(["今天。", "天气", "ok"]) == "今天。 天气 ok"
    assert joined([]) == ""


class _TwoVoices(ListeningModel):
    def __init__(self, *languages: str) -> None:
        super().__init__(Script())
        self._languages = languages
        self.used: list[str] = []

    def voices(self) -> tuple[VoicePreset, ...]:
        return tuple(
            VoicePreset(f"{n}-{language}", "", language, "", "", "", "")
            for n, language in enumerate(self._languages)
        )

    def say(self, text: str, voice: VoiceChoice, generation: int) -> Iterator[ReplyEvent]:
        self.used.append(voice.preset)
        return super().say(text, voice, generation)


@pytest.mark.parametrize(
    ("text", "languages", "voice"),
    [
        ("今天天气很好。", ("en", "zh"), "1-zh"),
        ("Good morning, 小明.", ("zh", "en"), "1-en"),
        ("今天天气很好。", ("en",), "0-en"),
        ("Good morning.", (), "heart"),
    ],
)
def test_without_a_voice_it_is_chosen_by_the_language_of_the_text(
    tmp_path: Path, text: str, languages: tuple[str, ...], voice: str
) -> None:
    model = _TwoVoices(*languages)
    bench(model).speak(text, tmp_path / "out.wav", VoiceChoice(""), Watch().progress)
    bench(model).speak(text, tmp_path / "out.wav", VoiceChoice("own"), Watch().progress)
    assert model.used == [voice, "own"]

"""What every speech model owes its worker; the reference model and the real one alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, frozen
from model.catalog import build
from model.events import LoadProgress, Mark, ReplyEvent, SpeechChunk, TextDelta, TurnTranscribed
from model.interfaces import SpeechModel
from model.requests import ReplyRequest
from model.scripted import Script, ScriptedModel, voiced
from model.types import CancelReason, CancelToken, TurnContext, TurnKey, VoiceChoice

FRAME = ENGINE_RATE_HZ // 100
CASCADE_WEIGHTS = ("moonshine-tiny-en", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf")
# The recogniser of a VITA-Audio has a thread until the model is closed.
pytestmark = pytest.mark.allow_threads("transcription")

TEXT = "Hello there. This is a sentence with several words, and it goes on for a while."


@pytest.fixture(scope="module", params=["scripted", "cascade", "vita", "vita-plus"])
def model(request: pytest.FixtureRequest) -> Iterator[SpeechModel]:
    makers = {"scripted": _scripted, "cascade": _cascade, "vita": _vita, "vita-plus": _vita}
    made = makers[request.param](request)
    progress: list[LoadProgress] = []
    made.load(progress.append)
    assert progress
    assert [p.fraction for p in progress] == sorted(p.fraction for p in progress)
    assert progress[-1].fraction == 1.0
    yield made
    made.close()


@pytest.fixture
def trained(model: SpeechModel) -> SpeechModel:
    """Skips where the weights are random: what is said then has no length and no words."""
    if model.name == "vita-tiny":
        pytest.skip("a model with random weights does not follow a text")
    return model


def _scripted(request: pytest.FixtureRequest) -> SpeechModel:
    del request  # it needs none
    return ScriptedModel(Script(replies=dict.fromkeys(range(100), TEXT)))


def _cascade(request: pytest.FixtureRequest) -> SpeechModel:
    folder: Path = request.getfixturevalue("weight_store").folder
    for name in CASCADE_WEIGHTS:
        if not (folder / name).exists():
            pytest.skip(f"weight {name} is missing; run: parley models get")
    return build("cascade", folder)


def _vita(request: pytest.FixtureRequest) -> SpeechModel:
    """Random weights in the published layout, and a recogniser without any."""
    pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    pytest.importorskip("transformers", reason="the speech-lm extra is not installed")
    # Only here: without torch the other models are tested all the same.
    from tests.fakes.vita_audio import LoudWords, tiny_vita_audio  # noqa: PLC0415
    from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model  # noqa: PLC0415

    root = request.getfixturevalue("tmp_path_factory").mktemp("vita")
    is_plus = request.param == "vita-plus"
    folder = write_tiny_model(root, plus=is_plus, seed=3 if is_plus else 9)
    return tiny_vita_audio(folder, LoudWords(), most_tokens=150)


def frames(samples: np.ndarray) -> Iterator[AudioFrame]:
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        yield AudioFrame(frozen(samples[start : start + FRAME]), start)


def replies(
    model: SpeechModel, generation: int = 1, text: str | None = "Who wrote Hamlet?"
) -> tuple[Iterator[ReplyEvent], CancelToken]:
    cancel = CancelToken()
    context = TurnContext(user_text=text)
    return model.reply(ReplyRequest(generation, TurnKey(1), context), cancel), cancel


def checked(
    events: Iterator[ReplyEvent], rate_hz: int, generation: int
) -> tuple[str, list[SpeechChunk]]:
    """Collects a whole reply and checks what holds for each of them."""
    text = ""
    chunks: list[SpeechChunk] = []
    for event in events:
        if isinstance(event, TurnTranscribed):
            continue  # of the turn that is being answered
        assert event.generation == generation
        if isinstance(event, TextDelta):
            text += event.text
            continue
        chunks.append(event)
        assert event.rate_hz == rate_hz
        assert event.samples.dtype == np.float32
        assert not event.samples.flags.writeable
        assert event.start == sum(len(c.samples) for c in chunks[:-1])
        assert float(np.max(np.abs(event.samples))) <= 1.0
        for mark in event.marks:
            assert event.start <= mark.sample_start <= mark.sample_end
            assert mark.sample_end <= event.start + len(event.samples)
            assert mark.text_end <= len(text), "a word sounds before it is shown"
    marks: list[Mark] = [mark for chunk in chunks for mark in chunk.marks]
    for earlier, later in pairwise(marks):
        assert earlier.text_end <= later.text_start
        assert earlier.sample_end <= later.sample_start
    return text, chunks


def test_a_reply_is_text_with_sound_and_a_mark_for_every_word(model: SpeechModel) -> None:
    events, _ = replies(model)
    text, chunks = checked(events, model.sample_rate_hz, 1)
    assert text.strip()
    marked = {text[m.text_start : m.text_end] for c in chunks for m in c.marks}
    assert marked == set(text.split())


def test_say_speaks_the_very_text(trained: SpeechModel) -> None:
    text, chunks = checked(trained.say(TEXT, VoiceChoice(), 7), trained.sample_rate_hz, 7)
    assert text == TEXT
    seconds = sum(len(c.samples) for c in chunks) / trained.sample_rate_hz
    assert 2.5 < seconds < 12.0


@pytest.mark.parametrize("rate", [0.7, 1.5])
def test_the_speaking_rate_changes_the_length(trained: SpeechModel, rate: float) -> None:
    def seconds(rate: float) -> float:
        _, chunks = checked(trained.say(TEXT, VoiceChoice(rate=rate), 7), trained.sample_rate_hz, 7)
        return sum(len(c.samples) for c in chunks) / trained.sample_rate_hz

    assert seconds(rate) == pytest.approx(seconds(1.0) / rate, rel=0.15)


def test_another_voice_speaks_from_the_next_sentence_on(trained: SpeechModel) -> None:
    text = " ".join([TEXT] * 4)

    def seconds(rate_later: float) -> float:
        events = trained.say(text, VoiceChoice(rate=1.0), 7)
        n = 0
        for event in events:
            if isinstance(event, SpeechChunk):
                n += len(event.samples)
                trained.use_voice(VoiceChoice(rate=rate_later))
        return n / trained.sample_rate_hz

    faster, same = seconds(1.4), seconds(1.0)
    assert same * 0.6 < faster < same * 0.95


def test_cancel_ends_a_reply_within_one_step(model: SpeechModel) -> None:
    events, cancel = replies(model)
    next(events)
    cancel.cancel(CancelReason.BARGE_IN)
    assert len(list(events)) <= 1


def test_a_closed_reply_leaves_the_model_usable(model: SpeechModel) -> None:
    events, _ = replies(model)
    next(events)
    events.close()  # type: ignore[attr-defined]
    text, _ = checked(replies(model, 2)[0], model.sample_rate_hz, 2)
    assert text.strip()


def test_silence_is_transcribed_as_nothing(model: SpeechModel) -> None:
    key = TurnKey(40)
    model.begin_turn(key, TurnContext(persona="Answer in one word."))
    for frame in frames(np.zeros(ENGINE_RATE_HZ, np.float32)):
        assert list(model.hear(frame)) == []
    *_, transcribed = model.finish_turn(key)
    assert transcribed.text == ""


def test_a_reopened_turn_keeps_what_was_heard(
    model: SpeechModel, speech: Callable[[], np.ndarray]
) -> None:
    samples = speech()
    half = len(samples) // 2
    model.begin_turn(TurnKey(41, 0), TurnContext())
    heard = list(frames(samples))
    for frame in heard:
        if frame.end <= half:
            list(model.hear(frame))
    *_, first = model.finish_turn(TurnKey(41, 0))
    model.begin_turn(TurnKey(41, 1), TurnContext())
    for frame in heard:
        if frame.end > half:
            list(model.hear(frame))
    *_, second = model.finish_turn(TurnKey(41, 1))
    assert isinstance(first, TurnTranscribed)
    assert second.key == TurnKey(41, 1)
    assert len(second.text or "") >= len(first.text or "")
    assert (second.text or "").split()


def test_another_turn_forgets_what_was_heard(
    model: SpeechModel, speech: Callable[[], np.ndarray]
) -> None:
    model.begin_turn(TurnKey(50), TurnContext())
    for frame in frames(speech()):
        list(model.hear(frame))
    model.begin_turn(TurnKey(51), TurnContext())
    *_, transcribed = model.finish_turn(TurnKey(51))
    assert transcribed.text == ""


def test_a_turn_that_is_not_open_is_not_transcribed(model: SpeechModel) -> None:
    model.begin_turn(TurnKey(60), TurnContext())
    model.forget_turn(TurnKey(60))
    assert list(model.finish_turn(TurnKey(60))) == []


def test_nothing_said_is_nothing_answered(model: SpeechModel) -> None:
    if isinstance(model, ScriptedModel):
        model = ScriptedModel()
    events, _ = replies(model, 3, "")
    text, chunks = checked(events, model.sample_rate_hz, 3)
    assert (text, chunks) == ("", [])


def test_every_voice_has_what_the_window_shows(model: SpeechModel) -> None:
    voices = model.voices()
    assert voices
    assert len({voice.id for voice in voices}) == len(voices)
    assert all(v.name and v.language and v.accent and v.sample_sentence for v in voices)


@pytest.fixture
def speech(request: pytest.FixtureRequest) -> Callable[[], np.ndarray]:
    """A spoken sentence at 16 kHz; a synthetic one where the recordings are absent."""

    def read() -> np.ndarray:
        folder = Path(__file__).resolve().parents[4] / "shared" / "audio" / "dev" / "speech"
        path = folder / "s2i-4bf32777.flac"
        if not path.is_file():
            return voiced("abracadabra")[::3]
        soundfile = pytest.importorskip("soundfile")
        samples, _ = soundfile.read(path, dtype="float32")
        return samples

    return read

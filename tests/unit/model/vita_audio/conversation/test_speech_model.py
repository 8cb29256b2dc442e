"""A whole tiny model through the protocol; its words mean nothing, its order of events does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from audio_io.frames import AudioFrame, Samples, frozen
from model.events import (
    LoadProgress,
    ReplyEvent,
    SpeechChunk,
    TextDelta,
    TurnScored,
    TurnTranscribed,
)
from model.requests import ReplyRequest
from model.types import (
    CancelReason,
    CancelToken,
    Message,
    TurnContext,
    TurnKey,
    VoiceChoice,
)

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.conversation.speech_model import VitaAudioModel  # noqa: E402
from model.vita_audio.language_model.duplex_head import FILE as DUPLEX_HEAD  # noqa: E402
from model.vita_audio.language_model.duplex_head import DuplexHead, HeadShape, write_head  # noqa: E402
from model.vita_audio.language_model.model_config import read_config  # noqa: E402
from tests.fakes.audio import speech_like  # noqa: E402
from tests.fakes.vita_audio import LoudWords, tiny_vita_audio  # noqa: E402
from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model  # noqa: E402

# The model of the module keeps its recogniser's thread until it is closed.
pytestmark = pytest.mark.allow_threads("transcription")

STEP = 640
HISTORY = (Message("user", "Who are you?"), Message("assistant", "A voice."))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "plain": write_tiny_model(root, plus=False),
        "plus": write_tiny_model(root, plus=True),
    }


@pytest.fixture(scope="module", params=["plain", "plus"])
def model(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Iterator[VitaAudioModel]:
    made = tiny_vita_audio(folders[request.param], LoudWords(), most_tokens=100)
    progress: list[LoadProgress] = []
    made.load(progress.append)
    assert progress[-1].fraction == 1.0
    assert "CPU" in progress[0].note, "the reason for the number format is told"
    yield made
    made.close()


def frames(samples: Samples, start: int = 0) -> Iterator[AudioFrame]:
    for at in range(0, len(samples) - STEP + 1, STEP):
        yield AudioFrame(frozen(samples[at : at + STEP].copy()), start + at)


def say_to(model: VitaAudioModel, key: TurnKey, seconds: float = 5.0) -> TurnTranscribed:
    """The user speaks and pauses."""
    model.begin_turn(key, TurnContext(HISTORY))
    for frame in frames(speech_like(seconds, key.turn)):
        list(model.hear(frame))
    *_, heard = model.finish_turn(key)
    return heard


def answer(
    model: VitaAudioModel, key: TurnKey, generation: int = 1, text: str | None = None
) -> tuple[Iterator[ReplyEvent], CancelToken]:
    cancel = CancelToken()
    request = ReplyRequest(generation, key, TurnContext(HISTORY, text))
    return model.reply(request, cancel), cancel


def outcome(events: list[ReplyEvent]) -> tuple[str, Samples]:
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    chunks = [event.samples for event in events if isinstance(event, SpeechChunk)]
    return text, np.concatenate(chunks) if chunks else np.zeros(0, np.float32)


def test_what_is_heard_is_answered_with_text_and_sound(model: VitaAudioModel) -> None:
    say_to(model, TurnKey(1))
    text, sound = outcome(list(answer(model, TurnKey(1))[0]))
    assert text
    assert len(sound) > model.sample_rate_hz / 2
    assert 0.001 < float(np.abs(sound).max()) <= 1.0


def test_the_same_turn_gets_the_same_answer_again(model: VitaAudioModel) -> None:
    say_to(model, TurnKey(2))
    first = outcome(list(answer(model, TurnKey(2), 1)[0]))
    second = outcome(list(answer(model, TurnKey(2), 2)[0]))
    assert first[0] == second[0]
    assert np.array_equal(first[1], second[1])


def test_how_to_talk_is_part_of_the_instructions_spoken_and_typed(model: VitaAudioModel) -> None:
    say_to(model, TurnKey(19))
    wish = model._model.tokenizer.encode("\nAnswer in rhymes.")
    for key, text in ((TurnKey(19), None), (TurnKey(20), "Hello?")):
        for persona, is_there in (("Answer in rhymes.", True), ("", False)):
            context = TurnContext(HISTORY, text, persona=persona)
            prompt = model._prompt_for(ReplyRequest(1, key, context))
            assert prompt is not None
            ids = list(prompt.ids)
            found = any(ids[at : at + len(wish)] == wish for at in range(len(ids)))
            assert found is is_there


def test_a_cancelled_answer_leaves_no_trace(model: VitaAudioModel) -> None:
    say_to(model, TurnKey(3))
    whole = outcome(list(answer(model, TurnKey(3), 1)[0]))
    events, cancel = answer(model, TurnKey(3), 2)
    for _ in range(30):
        next(events)
    cancel.cancel(CancelReason.BARGE_IN)
    assert len(list(events)) <= 1
    again = outcome(list(answer(model, TurnKey(3), 3)[0]))
    assert again[0] == whole[0]
    assert np.array_equal(again[1], whole[1])


def test_audio_prefilled_while_spoken_answers_like_audio_read_at_once(
    model: VitaAudioModel,
) -> None:
    say_to(model, TurnKey(4), 9.0)
    streamed = outcome(list(answer(model, TurnKey(4))[0]))
    model.forget_turn(TurnKey(4))
    list(answer(model, TurnKey(90), 2, "something else altogether")[0])  # empties what was computed
    model.begin_turn(TurnKey(5), TurnContext())
    for frame in frames(speech_like(9.0, 4)):
        list(model.hear(frame))
    list(model.finish_turn(TurnKey(5)))
    again = outcome(list(answer(model, TurnKey(5), 3)[0]))
    assert streamed[0] == again[0]


def test_a_user_who_goes_on_after_a_pause_is_heard_whole(model: VitaAudioModel) -> None:
    sound = speech_like(6.0, 6)
    half = len(sound) // 2 // STEP * STEP
    model.begin_turn(TurnKey(6), TurnContext(HISTORY))
    for frame in frames(sound[:half]):
        list(model.hear(frame))
    list(model.finish_turn(TurnKey(6)))
    model.begin_turn(TurnKey(6, 1), TurnContext(HISTORY))
    for frame in frames(sound[half:], half):
        list(model.hear(frame))
    list(model.finish_turn(TurnKey(6, 1)))
    in_two = outcome(list(answer(model, TurnKey(6, 1))[0]))
    say_to(model, TurnKey(7), 0.1)
    model.begin_turn(TurnKey(8), TurnContext(HISTORY))
    for frame in frames(sound):
        list(model.hear(frame))
    list(model.finish_turn(TurnKey(8)))
    assert outcome(list(answer(model, TurnKey(8))[0]))[0] == in_two[0]


def test_speech_over_an_answer_does_not_disturb_it(model: VitaAudioModel) -> None:
    say_to(model, TurnKey(9))
    alone = outcome(list(answer(model, TurnKey(9), 1)[0]))
    events, _ = answer(model, TurnKey(9), 2)
    heard = [next(events) for _ in range(10)]
    say_to(model, TurnKey(10))
    heard += list(events)
    assert outcome(heard)[0] == alone[0]
    assert outcome(list(answer(model, TurnKey(10), 3)[0]))[0]


def test_a_typed_question_is_answered_too(model: VitaAudioModel) -> None:
    model.begin_turn(TurnKey(11), TurnContext())
    model.forget_turn(TurnKey(11))
    text, sound = outcome(list(answer(model, TurnKey(12), 1, "How are you?")[0]))
    assert text
    assert len(sound)


def test_nothing_heard_and_nothing_typed_is_not_answered(model: VitaAudioModel) -> None:
    model.begin_turn(TurnKey(13), TurnContext())
    *_, heard = model.finish_turn(TurnKey(13))
    assert heard.text == ""
    assert list(answer(model, TurnKey(13), 1, "")[0]) == []


def test_say_tells_the_very_text(model: VitaAudioModel) -> None:
    text, sound = outcome(list(model.say("Read this aloud.", VoiceChoice(), 5)))
    assert text == "Read this aloud."
    assert len(sound)


def test_a_faster_voice_says_the_same_in_less_time(model: VitaAudioModel) -> None:
    say_to(model, TurnKey(17))

    def said(rate: float, later: float) -> tuple[str, Samples]:
        voice = VoiceChoice(rate=rate)
        request = ReplyRequest(1, TurnKey(17), TurnContext(HISTORY), voice)
        events: list[ReplyEvent] = []
        for event in model.reply(request, CancelToken()):
            events.append(event)
            if isinstance(event, SpeechChunk):
                model.use_voice(replace(voice, rate=later))
        return outcome(events)

    own, fast, faster_later = said(1.0, 1.0), said(1.25, 1.25), said(1.0, 1.25)
    assert own[0] == fast[0] == faster_later[0]
    assert len(fast[1]) == pytest.approx(len(own[1]) / 1.25, rel=0.02)
    assert len(fast[1]) < len(faster_later[1]) < len(own[1])


def test_a_short_turn_comes_with_its_words(model: VitaAudioModel) -> None:
    assert say_to(model, TurnKey(14), 0.9).text == "what is"


def test_the_model_itself_writes_down_what_it_heard(model: VitaAudioModel) -> None:
    say_to(model, TurnKey(16), 2.0)
    before = outcome(list(answer(model, TurnKey(16))[0]))
    written = model.write_down(TurnKey(16))
    assert written.key == TurnKey(16)
    assert written == replace(model.write_down(TurnKey(16)), compute_s=written.compute_s)
    assert outcome(list(answer(model, TurnKey(16), 2)[0]))[0] == before[0]


def test_a_turn_that_was_forgotten_is_not_transcribed(model: VitaAudioModel) -> None:
    model.begin_turn(TurnKey(15), TurnContext())
    model.forget_turn(TurnKey(15))
    assert list(model.finish_turn(TurnKey(15))) == []


def test_without_a_recogniser_turns_are_answered_by_ear(folders: dict[str, Path]) -> None:
    deaf = tiny_vita_audio(folders["plain"], None, most_tokens=40)
    deaf.load(lambda _progress: None)
    assert say_to(deaf, TurnKey(1)).text is None
    assert outcome(list(answer(deaf, TurnKey(1))[0]))[0]
    deaf.close()


@pytest.mark.parametrize("variant", ["plain", "plus"])
def test_an_8_bit_backbone_answers_too(folders: dict[str, Path], variant: str) -> None:
    small = tiny_vita_audio(folders[variant], None, precision="int8", most_tokens=40)
    small.load(lambda _progress: None)
    say_to(small, TurnKey(1))
    assert outcome(list(answer(small, TurnKey(1))[0]))[0]
    small.close()


class WritesSlowly(LoudWords):
    """Its final pass waits until it may go on."""

    def __init__(self) -> None:
        super().__init__(("many", "words", "in", "a", "row"))
        self.may_finish = Event()

    def finish(self) -> str:
        assert self.may_finish.wait(20.0)
        return super().finish()


def test_words_come_late_where_the_turn_is_long(folders: dict[str, Path]) -> None:
    recognizer = WritesSlowly()
    model = tiny_vita_audio(folders["plain"], recognizer, most_tokens=60)
    model.load(lambda _progress: None)
    model.begin_turn(TurnKey(1), TurnContext())
    partial = ""
    for frame in frames(speech_like(20.0, 1)):
        partial = next((p.text for p in model.hear(frame)), partial)
        if len(partial.split()) == 5:
            break
    *_, heard = model.finish_turn(TurnKey(1))
    assert heard.text is None
    events, _ = answer(model, TurnKey(1))
    before = [next(events) for _ in range(5)]
    assert not any(isinstance(event, TurnTranscribed) for event in before)
    recognizer.may_finish.set()
    written = [event for event in events if isinstance(event, TurnTranscribed)]
    model.close()
    assert [(event.key, event.text) for event in written] == [(TurnKey(1), "many words in a row")]


def test_a_head_tells_at_every_pause_whether_the_turn_is_over(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, plus=False)
    width = read_config(folder).hidden_size
    torch.manual_seed(0)
    write_head(folder / DUPLEX_HEAD, DuplexHead(HeadShape(width)), 1.0)
    model = tiny_vita_audio(folder, LoudWords(), most_tokens=40)
    model.load(lambda _progress: None)
    model.begin_turn(TurnKey(1), TurnContext(HISTORY))
    scores: list[TurnScored] = []
    for pause in range(2):
        for frame in frames(speech_like(3.0, pause), start=pause * 3 * 16_000):
            list(model.hear(frame))
        score, words = model.finish_turn(TurnKey(1, pause))
        assert isinstance(score, TurnScored)
        assert isinstance(words, TurnTranscribed)
        scores.append(score)
    model.close()
    assert [score.key for score in scores] == [TurnKey(1, 0), TurnKey(1, 1)]
    assert [score.at_s for score in scores] == pytest.approx([3.0, 6.0], abs=0.05)
    assert scores[0].p_end_of_turn != scores[1].p_end_of_turn


def test_without_a_head_there_is_no_score(model: VitaAudioModel) -> None:
    model.begin_turn(TurnKey(30), TurnContext())
    for frame in frames(speech_like(1.0, 30)):
        list(model.hear(frame))
    assert not any(isinstance(e, TurnScored) for e in model.finish_turn(TurnKey(30)))

"""What the cascade computes ahead of the final words, with a language model that only counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, frozen
from model.cascade import cascade as cascade_module
from model.cascade.cascade import CascadeModel, CascadeOptions, _Engines
from model.cascade.chat_prompt import ChatPrompt, Persona
from model.cascade.language_model import Completion, Piece
from model.cascade.moonshine import Transcription
from model.cascade.recognizer import StreamingRecognizer
from model.cascade.reply import ReplyAhead
from model.requests import ReplyRequest
from model.types import CancelToken, TurnContext, TurnKey, VoiceChoice

KEY = TurnKey(1)
CONTEXT = TurnContext()


class Writer:
    """A language model that keeps what it was asked for and writes when told."""

    def __init__(self) -> None:
        self.replies: list[Completion] = []
        self.warmed: list[str] = []

    def complete(self, prompt: str, max_tokens: int) -> Completion:
        self.replies.append(Completion(prompt, max_tokens))
        return self.replies[-1]

    def warm(self, prompt: str) -> Completion:
        self.warmed.append(prompt)
        return Completion(prompt, 0)

    def warm_opening(self, prompt: str) -> Completion:
        return self.warm(prompt)

    def close(self) -> None:
        """Nothing runs."""


class Writes:
    """A recogniser that writes one text after the other, and then the last one."""

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)

    def transcribe(self, samples: np.ndarray) -> Transcription:
        text = self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]
        return Transcription(text, -0.1, len(text.split()))


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[CascadeModel]]:
    models: list[CascadeModel] = []
    yield models
    for model in models:
        model.close()


def cascade(
    made: list[CascadeModel], folder: Path, guess: str, final: str, *, prepares: bool = True
) -> tuple[CascadeModel, Writer]:
    """The larger recogniser agrees that these are words, guesses, and writes the final ones."""
    model, writer = CascadeModel(folder, CascadeOptions(prepares=prepares)), Writer()
    chat = ChatPrompt(Persona("Be kind."), lambda text: len(text.split()), 1000)
    recognizer = StreamingRecognizer(
        Writes(guess), Writes(guess, guess, final)
    )  # agrees, guesses, ends
    ahead = ReplyAhead(lambda prompt: writer.complete(prompt, 9))
    model._engines = _Engines(recognizer, writer, {"en": chat}, {"en": ()}, ahead)  # pyright: ignore[reportArgumentType]
    made.append(model)
    return model, writer


def speak(
    model: CascadeModel, seconds: float = 1.5, pause_s: float = 0.15, at_s: float = 0
) -> None:
    sound = np.full(int(seconds * ENGINE_RATE_HZ), 0.1, np.float32)
    heard = np.concatenate([sound, np.zeros(int(pause_s * ENGINE_RATE_HZ), np.float32)])
    begin = int(at_s * ENGINE_RATE_HZ)
    for start in range(0, len(heard), 640):
        list(model.hear(AudioFrame(frozen(heard[start : start + 640]), begin + start)))


def reply_to(model: CascadeModel, text: str) -> None:
    """Asks for a reply and looks at its first event."""
    request = ReplyRequest(1, KEY, TurnContext(user_text=text))
    events = model.reply(request, CancelToken())
    next(events)
    events.close()


def test_the_reply_to_a_guess_that_comes_true_is_under_way(
    made: list[CascadeModel], tmp_path: Path
) -> None:
    model, writer = cascade(made, tmp_path, "what time is it", "What time is it?")
    model.begin_turn(KEY, CONTEXT)
    speak(model)
    assert "what time is it" in writer.warmed[-1]
    assert writer.replies == []
    (heard,) = model.finish_turn(KEY)
    (begun,) = writer.replies
    assert begun.prompt.startswith(writer.warmed[-1])
    reply_to(model, heard.text or "")
    assert writer.replies == [begun]


def test_how_to_talk_stays_in_every_prompt_and_is_warmed_once(
    made: list[CascadeModel], tmp_path: Path
) -> None:
    model, writer = cascade(made, tmp_path, "what time is it", "What time is it?")
    rhymes = TurnContext(persona="Answer in rhymes.")
    model.begin_turn(KEY, rhymes)
    opening, *_ = writer.warmed
    assert "Be kind.\nAnswer in rhymes.<|im_end|>" in opening
    speak(model)
    list(model.finish_turn(KEY))
    assert all(prompt.startswith(opening) for prompt in writer.warmed)
    assert writer.replies[0].prompt.startswith(opening)
    model.begin_turn(TurnKey(2), rhymes)
    assert all(prompt.startswith(opening) for prompt in writer.warmed)
    model.begin_turn(TurnKey(3), TurnContext(persona=""))
    assert "rhymes" not in writer.warmed[-1]


def test_a_guess_that_was_wrong_is_given_up(made: list[CascadeModel], tmp_path: Path) -> None:
    model, writer = cascade(made, tmp_path, "what crime is it", "What time is it?")
    model.begin_turn(KEY, CONTEXT)
    speak(model)
    (heard,) = model.finish_turn(KEY)
    reply_to(model, heard.text or "")
    wrong, right = writer.replies
    assert wrong.is_cancelled
    assert "What time is it?" in right.prompt


def test_who_goes_on_after_a_pause_ends_what_was_begun(
    made: list[CascadeModel], tmp_path: Path
) -> None:
    model, writer = cascade(made, tmp_path, "what time is it", "What time is it?")
    model.begin_turn(KEY, CONTEXT)
    speak(model)
    list(model.finish_turn(KEY))
    model.begin_turn(TurnKey(1, 1), CONTEXT)
    assert writer.replies[0].is_cancelled


def test_a_turn_that_is_forgotten_is_not_answered(made: list[CascadeModel], tmp_path: Path) -> None:
    model, writer = cascade(made, tmp_path, "what time is it", "What time is it?")
    model.begin_turn(KEY, CONTEXT)
    speak(model)
    list(model.finish_turn(KEY))
    model.forget_turn(KEY)
    assert writer.replies[0].is_cancelled


def test_nothing_is_begun_while_another_reply_is_being_written(
    made: list[CascadeModel], tmp_path: Path
) -> None:
    model, writer = cascade(made, tmp_path, "what time is it", "What time is it?")
    model.begin_turn(KEY, CONTEXT)
    request = ReplyRequest(1, KEY, TurnContext(user_text="Tell me a story."))
    story = model.reply(request, CancelToken())
    next(story)
    model.begin_turn(TurnKey(2), CONTEXT)
    speak(model)
    list(model.finish_turn(TurnKey(2)))
    assert len(writer.replies) == 1
    writer.replies[0].put(Piece(is_last=True))
    list(story)


def test_who_wants_no_preparation_gets_none(made: list[CascadeModel], tmp_path: Path) -> None:
    model, writer = cascade(made, tmp_path, "what time is it", "What time is it?", prepares=False)
    model.begin_turn(KEY, CONTEXT)
    speak(model)
    list(model.finish_turn(KEY))
    assert writer.replies == []


class Opening(Completion):
    """The start of a prompt whose computing takes as long as somebody waits for it."""

    class is_done:  # noqa: N801 - stands for an event of that name
        """An event that remembers whether it was waited for."""

        was_awaited = False

        @classmethod
        def wait(cls) -> None:
            cls.was_awaited = True


def test_a_model_that_says_it_is_ready_has_computed_how_prompts_begin(
    made: list[CascadeModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loaded(Writer):
        def __init__(self, path: Path, n_threads: int) -> None:
            super().__init__()
            del path, n_threads

        def warm_opening(self, prompt: str) -> Completion:
            self.warmed.append(prompt)
            opening = Opening(prompt, 0)
            opening.is_done = Opening.is_done  # pyright: ignore[reportAttributeAccessIssue]
            return opening

        def count_tokens(self, text: str) -> int:
            return len(text.split())

    warmed: list[VoiceChoice] = []
    monkeypatch.setattr(cascade_module, "LanguageModel", Loaded)
    recognizer = StreamingRecognizer(Writes(""), Writes(""))
    monkeypatch.setattr(cascade_module, "open_recognizer", lambda *_: recognizer)
    model = CascadeModel(tmp_path, CascadeOptions(voice="bella", persona="Answer in rhymes."))
    monkeypatch.setattr(model._synthesizer, "warm", lambda choice, _: warmed.append(choice))
    made.append(model)
    model.load(lambda _: None)
    writer = model._loaded().llm
    assert isinstance(writer, Loaded)
    assert Opening.is_done.was_awaited
    assert [choice.preset for choice in warmed] == ["bella"]
    model.begin_turn(KEY, TurnContext(persona="Answer in rhymes."))
    assert "Answer in rhymes." in writer.warmed[0]
    assert all(prompt.startswith(writer.warmed[0]) for prompt in writer.warmed)

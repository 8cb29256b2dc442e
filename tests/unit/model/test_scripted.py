from __future__ import annotations

import numpy as np
import pytest

from model.events import ReplyEvent, SpeechChunk
from model.requests import ReplyRequest
from model.scripted import RATE_HZ, Script, ScriptedModel, build
from model.types import CancelToken, TurnContext, TurnKey


def reply(model: ScriptedModel, turn: int = 1, text: str = "hello there") -> list[ReplyEvent]:
    request = ReplyRequest(1, TurnKey(turn), TurnContext(user_text=text))
    return list(model.reply(request, CancelToken()))


def samples(events: list[ReplyEvent]) -> np.ndarray:
    return np.concatenate([e.samples for e in events if isinstance(e, SpeechChunk)])


def test_the_same_request_gives_the_same_samples() -> None:
    first, second = samples(reply(ScriptedModel())), samples(reply(ScriptedModel()))
    assert np.array_equal(first, second)


def test_it_speaks_about_150_words_a_minute() -> None:
    text = "this is a plain sentence of ten words for you."
    spoken = samples(reply(ScriptedModel(Script(replies={1: text}))))
    words_per_minute = 10 / (len(spoken) / RATE_HZ) * 60
    assert 120 < words_per_minute < 220


def test_without_a_script_it_echoes() -> None:
    events = reply(ScriptedModel(), text="good morning")
    assert "".join(e.text for e in events if not isinstance(e, SpeechChunk)).endswith(
        "good morning"
    )


def test_it_dies_when_told_to() -> None:
    with pytest.raises(SystemExit):
        reply(ScriptedModel(Script(dies_in_turns=frozenset({1}))))


def test_options_of_the_catalog_set_every_reply(tmp_path: object) -> None:
    model = build(tmp_path, {"reply": "Fine."})  # type: ignore[arg-type]
    events = reply(model, turn=17)
    assert "".join(e.text for e in events if not isinstance(e, SpeechChunk)) == "Fine."

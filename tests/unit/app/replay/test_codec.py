"""Events, effects and states survive being written down, to the last bit."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialogue.effects import Effect
from app.dialogue.events import DialogueEvent, SpeechChunk
from app.dialogue.state import DialogueRules, DialogueState
from app.replay.codec import CodecError, decode, decode_named, encode, encode_named
from audio_io.events import PlaybackEnded, PlayoutReport, SpeechStarted
from audio_io.frames import frozen
from model.events import Mark
from model.types import TurnKey, VoicePreset

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
EVENTS = [kind for kind in get_args(DialogueEvent) if kind is not SpeechChunk]
EFFECTS = list(get_args(Effect))


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def text_of(value: Any) -> str:
    """Two values are the same if they are written the same (a nan is not equal to itself)."""
    return json.dumps(encode(value))


def any_of(kind: type) -> st.SearchStrategy[Any]:
    """Types that a module imports for its annotations only are spelled out."""
    hints = get_type_hints(kind, localns={"TurnKey": TurnKey, "VoicePreset": VoicePreset})
    fields = {f.name: st.from_type(hints[f.name]) for f in dataclasses.fields(kind)}
    return st.builds(kind, **fields)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    event = data.draw(any_of(kind))
    back = decode_named(DialogueEvent, through_json(encode_named(event)))
    assert (type(back), text_of(back)) == (kind, text_of(event))


@pytest.mark.parametrize("kind", EFFECTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_effect_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    effect = data.draw(any_of(kind))
    back = decode_named(Effect, through_json(encode_named(effect)))
    assert (type(back), text_of(back)) == (kind, text_of(effect))


@given(st.builds(DialogueState), st.builds(DialogueRules))
def test_states_and_rules_come_back_as_they_were(
    state: DialogueState, rules: DialogueRules
) -> None:
    assert text_of(decode(DialogueState, through_json(encode(state)))) == text_of(state)
    assert text_of(decode(DialogueRules, through_json(encode(rules)))) == text_of(rules)


@given(NUMBER)
def test_a_time_keeps_its_last_bit(at_s: float) -> None:
    back = decode_named(DialogueEvent, through_json(encode_named(SpeechStarted(at_s, at_s))))
    assert isinstance(back, SpeechStarted)
    assert math.copysign(1.0, back.at_s) == math.copysign(1.0, at_s)
    assert back.at_s.hex() == at_s.hex()


def test_numbers_of_numpy_are_written_as_what_they_are() -> None:
    event = SpeechStarted(np.float32(0.1), np.float64(0.2))  # type: ignore[arg-type]
    assert encode_named(event) == {
        "is": "SpeechStarted", "onset_s": float(np.float32(0.1)), "at_s": 0.2,
    }  # fmt: skip


def test_the_sound_of_a_reply_is_left_out() -> None:
    chunk = SpeechChunk(1, frozen([0.5]), 0, 24_000, (Mark(0, 2, 0, 1),), {"synthesis": 0.1})
    back = decode_named(DialogueEvent, through_json(encode_named(chunk)))
    assert isinstance(back, SpeechChunk)
    assert len(back.samples) == 0
    assert (back.marks, back.spans) == (chunk.marks, chunk.spans)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"is": "Wish"}, "'Wish' is nothing that this version knows"),
        (["SpeechStarted"], "None is nothing"),
        ({"is": "SpeechStarted", "onset_s": 1.0}, "SpeechStarted: .* required field `at_s`"),
        ({"is": "SpeechStarted", "onset_s": "now", "at_s": 1.0}, "`float`, got `str` .*onset_s"),
        ({"is": "SpeechStarted", "onset_s": True, "at_s": 1.0}, "`float`, got `bool` .*onset_s"),
        ({"is": "SpeechStarted", "onset_s": 1, "at_s": 1, "of": 2}, "SpeechStarted has no of"),
        ({"is": "DeadlineReached", "kind": "tea", "token": 1}, "'tea' .*kind"),
        ({"is": "DeadlineReached", "kind": "yield", "token": 1.5}, "`int`, got `float` .*token"),
        ({"is": "PlaybackEnded", "report": 3, "at_s": 1.0}, "`object`, got `int` .*report"),
    ],
)
def test_what_is_no_event_is_named(data: Any, complaint: str) -> None:
    with pytest.raises(CodecError, match=complaint):
        decode_named(DialogueEvent, data)


def test_an_event_inside_an_event_comes_back() -> None:
    ended = PlaybackEnded(PlayoutReport(1, 2, 3, True, False, 0.1), 2.0)
    assert decode_named(DialogueEvent, through_json(encode_named(ended))) == ended

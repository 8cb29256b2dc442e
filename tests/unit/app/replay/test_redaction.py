"""What a redacted bundle says of words: nothing but what the controller decides by."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args, get_type_hints

import pytest

from app.dialogue.effects import Effect
from app.dialogue.events import DialogueEvent
from app.dialogue.state import DialogueRules
from app.replay.codec import encode_named
from app.replay.redaction import quiet, stand_in
from audio_io.frames import frozen
from model.events import Mark
from model.types import VoicePreset

SECRET = "a zebra in Lisbon"
RULES = DialogueRules(stop_phrases=("stop it",), backchannels=("mm hmm",))
VOICE = VoicePreset(SECRET, SECRET, "en", SECRET, "female", SECRET, SECRET)
# Names that the program gives, never a person.
OUR_OWN = {
    ("LoadProgress", "what"), ("ModelReady", "name"), ("WorkerFailed", "name"),
    ("DeviceLost", "which"), ("TurnTranscribed", "language"), ("DuplexPrediction", "reason"),
    ("NoteDecision", "what"), ("NoteDecision", "reason"),
}  # fmt: skip


def telling(kind: type) -> Any:
    """An event or effect with the secret in every text that people or their devices give."""
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        is_text = hints[field.name] in (str, str | None)
        if is_text and (kind.__name__, field.name) not in OUR_OWN:
            values[field.name] = SECRET
        elif field.name == "voices":
            values[field.name] = (VOICE,)
        elif field.name == "marks":
            values[field.name] = (Mark(0, 1, 2, 3),)
        elif field.name == "samples":
            values[field.name] = frozen([0.5])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            values[field.name] = 1
    return kind(**values)


@pytest.mark.parametrize(
    "kind", [*get_args(DialogueEvent), *get_args(Effect)], ids=lambda kind: kind.__name__
)
def test_no_event_and_no_effect_keeps_a_word(kind: type) -> None:
    told = json.dumps(quiet(encode_named(telling(kind)), RULES))
    assert "zebra" not in told
    assert json.loads(told).keys() == encode_named(telling(kind)).keys()


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Stop it!", "stop"), ("Mm hmm.", "yes"), ("a zebra", "word word"), ("", ""), ("?!", "…"),
    ],
)  # fmt: skip
def test_a_text_is_replaced_by_one_of_the_same_kind(text: str, other: str) -> None:
    assert stand_in(text, RULES) == other
    quiet_rules = DialogueRules(stop_phrases=("stop",), backchannels=("yes",))
    assert stand_in(other, quiet_rules) == other, "what was redacted stays as it is"

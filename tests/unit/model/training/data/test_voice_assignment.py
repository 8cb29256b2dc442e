from __future__ import annotations

from pathlib import Path

import pytest

from model.training.data.dialogues import Dialogue
from model.training.data.problems import BadSample, Place
from model.training.data.voice_assignment import (
    DialogueVoices,
    SpeakingStyle,
    Utterance,
    VoiceAssignment,
)
from model.types import VoicePreset


def voice(name: str, gender: str = "female", language: str = "en") -> VoicePreset:
    return VoicePreset(name, name, language, "", gender, "hibari", "Hello.")


def dialogue(number: int, language: str = "en", line: int = 1) -> Dialogue:
    return Dialogue(Place(Path("d"), line), (f"Question {number}?", "Yes."), language)


VOICES = (voice("ann"), voice("bob", "male"), voice("cat"), voice("mei", language="zh"))


def assigned(assignment: VoiceAssignment, n: int = 40) -> list[DialogueVoices]:
    return [assignment.assign(dialogue(i)) for i in range(n)]


def test_both_sides_have_different_voices_and_all_are_heard() -> None:
    found = assigned(VoiceAssignment(VOICES, seed=0))
    assert all(voices.user.voice != voices.assistant.voice for voices in found)
    assert {voices.user.voice for voices in found} == {"ann", "bob", "cat"}
    assert {voices.assistant.voice for voices in found} == {"ann", "bob", "cat"}


def test_one_voice_alone_asks_at_another_pitch_than_it_answers() -> None:
    found = assigned(VoiceAssignment(VOICES[:1], seed=0))
    assert all(voices.assistant == SpeakingStyle("ann") for voices in found)
    assert all(voices.user.pitch != 1.0 for voices in found)
    assert len({voices.user for voices in found}) > 4


def test_the_assistant_is_named_as_its_voice_sounds() -> None:
    names: dict[str, set[str]] = {}
    for voices in assigned(VoiceAssignment(VOICES, seed=0)):
        names.setdefault(voices.assistant.voice, set()).add(voices.name)
    assert names == {"ann": {"lucy", "omni"}, "bob": {"luke"}, "cat": {"lucy", "omni"}}


def test_only_the_voices_named_answer() -> None:
    found = assigned(VoiceAssignment(VOICES, seed=0, assistants=("bob",)))
    assert {voices.assistant.voice for voices in found} == {"bob"}
    assert {voices.user.voice for voices in found} == {"ann", "cat"}


def test_who_speaks_depends_on_words_and_seed_and_not_on_the_place() -> None:
    one, other = VoiceAssignment(VOICES, seed=0), VoiceAssignment(VOICES, seed=1)
    assert one.assign(dialogue(3, line=1)) == one.assign(dialogue(3, line=99))
    assert assigned(one) == assigned(VoiceAssignment(VOICES, seed=0)) != assigned(other)


def test_a_language_without_a_voice_cannot_be_spoken() -> None:
    assignment = VoiceAssignment(VOICES, seed=0)
    assert assignment.assign(dialogue(1, "zh")).assistant.voice == "mei"
    with pytest.raises(BadSample, match="answers in 'fr'"):
        assignment.assign(dialogue(1, "fr"))


def test_the_same_words_in_another_style_are_another_recording() -> None:
    styles = [
        SpeakingStyle("ann"),
        SpeakingStyle("bob"),
        SpeakingStyle("ann", rate=1.1),
        SpeakingStyle("ann", pitch=0.9),
    ]
    keys = {Utterance("Hi.", "en", style).key for style in styles}
    assert len(keys | {Utterance("Ho.", "en", styles[0]).key}) == 5

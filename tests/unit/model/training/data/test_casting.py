from __future__ import annotations

from pathlib import Path

import pytest

from model.training.data.casting import Cast, Casting, Manner, Utterance
from model.training.data.dialogues import Dialogue
from model.training.data.problems import BadSample, Place
from model.types import VoicePreset


def voice(name: str, gender: str = "female", language: str = "en") -> VoicePreset:
    return VoicePreset(name, name, language, "", gender, "hibari", "Hello.")


def dialogue(number: int, language: str = "en", line: int = 1) -> Dialogue:
    return Dialogue(Place(Path("d"), line), (f"Question {number}?", "Yes."), language)


VOICES = (voice("ann"), voice("bob", "male"), voice("cat"), voice("mei", language="zh"))


def casts(casting: Casting, n: int = 40) -> list[Cast]:
    return [casting.cast(dialogue(i)) for i in range(n)]


def test_both_sides_have_different_voices_and_all_are_heard() -> None:
    found = casts(Casting(VOICES, seed=0))
    assert all(cast.user.voice != cast.assistant.voice for cast in found)
    assert {cast.user.voice for cast in found} == {"ann", "bob", "cat"}
    assert {cast.assistant.voice for cast in found} == {"ann", "bob", "cat"}


def test_one_voice_alone_asks_at_another_pitch_than_it_answers() -> None:
    found = casts(Casting(VOICES[:1], seed=0))
    assert all(cast.assistant == Manner("ann") for cast in found)
    assert all(cast.user.pitch != 1.0 for cast in found)
    assert len({cast.user for cast in found}) > 4


def test_the_assistant_is_named_as_its_voice_sounds() -> None:
    names: dict[str, set[str]] = {}
    for cast in casts(Casting(VOICES, seed=0)):
        names.setdefault(cast.assistant.voice, set()).add(cast.name)
    assert names == {"ann": {"lucy", "omni"}, "bob": {"luke"}, "cat": {"lucy", "omni"}}


def test_only_the_voices_named_answer() -> None:
    found = casts(Casting(VOICES, seed=0, assistants=("bob",)))
    assert {cast.assistant.voice for cast in found} == {"bob"}
    assert {cast.user.voice for cast in found} == {"ann", "cat"}


def test_who_speaks_depends_on_words_and_seed_and_not_on_the_place() -> None:
    one, other = Casting(VOICES, seed=0), Casting(VOICES, seed=1)
    assert one.cast(dialogue(3, line=1)) == one.cast(dialogue(3, line=99))
    assert casts(one) == casts(Casting(VOICES, seed=0)) != casts(other)


def test_a_language_without_a_voice_cannot_be_spoken() -> None:
    casting = Casting(VOICES, seed=0)
    assert casting.cast(dialogue(1, "zh")).assistant.voice == "mei"
    with pytest.raises(BadSample, match="answers in 'fr'"):
        casting.cast(dialogue(1, "fr"))


def test_the_same_words_in_another_manner_are_another_recording() -> None:
    manners = [Manner("ann"), Manner("bob"), Manner("ann", rate=1.1), Manner("ann", pitch=0.9)]
    keys = {Utterance("Hi.", "en", manner).key for manner in manners}
    assert len(keys | {Utterance("Ho.", "en", manners[0]).key}) == 5

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialogue.own_voice import OwnVoice, heard_words, similarity, without_own_words

REPLY = "I can't hear about the sea, but I can tell you about the weather in Berlin tomorrow."
OWN = tuple(word.text for word in heard_words(REPLY))
STOPS = ("stop", "wait", "停")


@pytest.mark.parametrize(
    "heard",
    [
        "I can't hear about the sea.",
        "What's wrong here about the C?",
        "can't hear about the see but I can tell",
        "About the weather in Berlin.",
        "Tell you about the whether in Merlin",
        "but I can tell",
    ],
)
def test_what_we_say_ourselves_is_nothing_of_the_users(heard: str) -> None:
    assert without_own_words(heard, OWN, STOPS) == ""


@pytest.mark.parametrize(
    "heard",
    [
        "Stop.",
        "Please stop talking.",
        "What about the train to Paris?",
        "No, I meant the one in Hamburg.",
        "Can you tell me a joke instead?",
        "Yeah.",
        "Turn the lights off, please.",
    ],
)
def test_what_a_user_says_stays_as_it_is(heard: str) -> None:
    assert without_own_words(heard, OWN, STOPS) == heard


def test_our_words_around_the_users_are_taken_away() -> None:
    heard = "tell you about the weather. Please play some music."
    assert without_own_words(heard, OWN, STOPS) == "Please play some music."
    heard = "Please play some music, the weather in Berlin tomorrow."
    assert without_own_words(heard, OWN, STOPS) == "Please play some music"


def test_a_stop_word_among_our_own_words_is_the_users() -> None:
    assert "stop" in without_own_words("tell you about the weather stop", OWN, STOPS)


def test_mandarin_is_compared_by_its_characters() -> None:
    own = tuple(word.text for word in heard_words("明天柏林的天气很好，但是会刮风。"))
    assert without_own_words("柏林的天气很好", own, STOPS) == ""
    assert without_own_words("白林的天气很好", own, STOPS) == ""
    assert without_own_words("请给我放一点音乐", own, STOPS) == "请给我放一点音乐"
    assert without_own_words("停", own, STOPS) == "停"


def spoken(reply: str = "You can stop at the station and wait.", at_s: float = 10.0) -> OwnVoice:
    """A word each 0.3 s."""
    voice = OwnVoice()
    for i, word in enumerate(heard_words(reply)):
        voice.said(1, reply, word.end, at_s + 0.3 * i)
    return voice


def test_a_single_word_is_ours_only_while_we_say_it() -> None:
    voice = spoken()  # "stop" at 10.6 s
    assert voice.of_user("Stop.", 10.5, 10.9, STOPS) == ""
    assert voice.of_user("Stop.", 12.2, 12.6, STOPS) == "Stop."
    assert voice.of_user("Stop.", 9.0, 9.4, STOPS) == "Stop."


def test_what_we_said_long_ago_may_be_said_back_to_us() -> None:
    voice = spoken()
    heard = "stop at the station and wait"
    assert voice.of_user(heard, 10.4, 12.5, STOPS) == ""
    assert voice.of_user(heard, 20.0, 22.0, STOPS) == heard


def test_what_comes_next_is_known_and_what_was_cut_off_does_not_come() -> None:
    reply = "The museum opens at nine on every day of the week."
    voice = OwnVoice()
    voice.said(1, reply, len("The museum"), 5.0)
    heard = "opens at nine"
    assert voice.of_user(heard, 5.2, 6.2, STOPS) == ""
    voice.ended(5.3)
    assert voice.of_user(heard, 5.2, 6.2, STOPS) == heard


def test_without_a_reply_nothing_is_ours() -> None:
    assert OwnVoice().of_user("the sea", 1.0, 2.0) == "the sea"


@given(st.text(max_size=60))
def test_any_text_comes_back_whole_or_as_a_part(text: str) -> None:
    assert without_own_words(text, OWN, STOPS) in text
    assert without_own_words(text, (), STOPS) == text


def test_words_that_sound_alike_are_alike() -> None:
    assert similarity("c", "sea") > 0.6
    assert similarity("here", "hear") > 0.6
    assert similarity("stop", "weather") < 0.5

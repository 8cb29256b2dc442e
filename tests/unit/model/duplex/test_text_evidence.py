"""How finished a transcript reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.lexicon import read_lexicons
from model.duplex.text_evidence import GrammarScorer, Reason

LEXICONS = read_lexicons()
SCORER = GrammarScorer(LEXICONS)
MORE_IS_COMING = 0.3
FINISHED = 0.6
words = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=8)


@pytest.mark.parametrize(
    "text",
    [
        "Give me an americano with",
        "The absence of detailed reference to the.",
        "I want to go because",
        "Well, I was, um",
        "I'd like a latte and,",
        "Drop the two when you",
        "Can you give me",
        "My number is five five five",
        "I was thinking...",
        "我想要一杯咖啡和",
        "因为",
        "然后那个",
    ],
)
def test_open_phrases_ask_for_more(text: str) -> None:
    assert SCORER.score(text).score < MORE_IS_COMING


@pytest.mark.parametrize(
    "text",
    [
        "Give me an americano with lots of brown sugar.",
        "What time is it?",
        "Yes.",
        "No, thank you.",
        "Stop.",
        "I think so.",
        "what is the capital of france",
        "我不知道",
        "那么苹果能突破一万亿大关吗",
    ],
)
def test_whole_phrases_read_finished(text: str) -> None:
    assert SCORER.score(text).score > FINISHED


def test_a_preposition_may_end_a_question() -> None:
    question = SCORER.score("Where are you from?")
    assert question.reason is Reason.STRANDED
    assert question.score > SCORER.score("I come from").score


def test_a_long_number_is_more_finished_than_a_short_one() -> None:
    short = SCORER.score("my number is five five five").score
    assert SCORER.score("my number is five five five one two three four").score > short


def test_no_words_say_nothing() -> None:
    assert SCORER.score("").score == SCORER.score(" ... ").score == 0.5


@given(st.text())
def test_any_text_gets_a_score_and_a_reason_without_its_words(text: str) -> None:
    evidence = SCORER.score(text)
    assert 0.0 < evidence.score < 1.0
    assert evidence.reason in set(Reason)
    assert SCORER.score(text) == evidence


@given(words, st.sampled_from(sorted(LEXICONS["en"].articles | LEXICONS["en"].conjunctions)))
def test_a_function_word_at_the_end_never_reads_more_finished(said: list[str], last: str) -> None:
    sentence = " ".join(["the", *said, "table"])
    assert SCORER.score(f"{sentence} {last}").score <= SCORER.score(sentence).score


@given(words)
def test_a_full_stop_never_reads_less_finished_than_a_comma(said: list[str]) -> None:
    sentence = " ".join(said)
    assert SCORER.score(sentence + ".").score >= SCORER.score(sentence + ",").score


def test_only_the_last_sentence_can_want_more() -> None:
    scorer = GrammarScorer(read_lexicons())
    assert scorer.score("Hello there. What can you help me with?").reason is Reason.STRANDED
    assert scorer.score("Dr. Smith is here. I would like the").reason is Reason.ARTICLE
    assert scorer.score("Stop. Tell me about").score < scorer.score("Tell me more. Stop").score


def test_an_embedded_question_may_end_with_its_verb() -> None:
    scorer = GrammarScorer(read_lexicons())
    finished = scorer.score("Tell me what the biggest planet is.")
    assert finished.score > 0.6
    assert scorer.score("I think the biggest planet is").reason is Reason.AUXILIARY

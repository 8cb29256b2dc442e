"""What the Mandarin recogniser writes (no punctuation, no spaces) is what the dialogue matches."""

from __future__ import annotations

import pytest

from app.dialogue.phrases import is_backchannel, is_stop_phrase
from model.duplex.lexicon import read_lexicons

LEXICON = read_lexicons()["zh"]


@pytest.mark.parametrize(
    "text", ["停", "停一下", "停停停", "等一下", "别说了", "好了不要说了", "请停下来", "等等，等等"]
)
def test_an_order_to_stop_is_recognised(text: str) -> None:
    assert is_stop_phrase(text, LEXICON.stop_words)


@pytest.mark.parametrize("text", ["不要停", "停车场在哪里", "今天天气怎么样", "你说", ""])
def test_talk_is_no_order(text: str) -> None:
    assert not is_stop_phrase(text, LEXICON.stop_words)


@pytest.mark.parametrize("text", ["嗯", "对对对", "好的", "明白了", "嗯嗯是的", "对，没错"])
def test_an_acknowledgement_is_recognised(text: str) -> None:
    assert is_backchannel(text, LEXICON.backchannels)


@pytest.mark.parametrize("text", ["嗯但是", "停", "好的那你说说北京"])
def test_talk_is_no_acknowledgement(text: str) -> None:
    assert not is_backchannel(text, LEXICON.backchannels)

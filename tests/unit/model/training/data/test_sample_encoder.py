from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.training.data.problems import BadSample, Fault
from model.training.data.sample_encoder import EncodedSample, SampleEncoder
from model.training.data.samples import parse_sample
from model.vita_audio.conversation.prompts import (
    LUCY,
    LUKE,
    N_QUERY_POSITIONS,
    ContinuousAudio,
    DiscreteAudio,
    Prompt,
    recognition,
    synthesis,
    text_chat,
)
from model.vita_audio.decoding.schedule import BOOST
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from tests.fakes.training_data import read_aloud, recognised, record, spoken, written
from tests.fakes.vita_reference import n_frames_of, speech_to_speech, synthesis_with_voice


class KnownCodes:
    """Codes of recordings by name, as if a speech tokenizer had made them."""

    def __init__(self, codes: dict[str, list[int]]) -> None:
        self._codes = codes

    def codes_of(self, recording: Path) -> list[int]:
        return self._codes[recording.name]


QUESTION, ANSWER = list(range(1000, 1013)), list(range(60))


@pytest.fixture(scope="module")
def tokenizer(tiny_plain: Path) -> TextTokenizer:
    return TextTokenizer.from_directory(tiny_plain)


@pytest.fixture(scope="module")
def encoder(tokenizer: TextTokenizer) -> SampleEncoder:
    codes = KnownCodes({"q.wav": QUESTION, "a.wav": ANSWER})
    return SampleEncoder(tokenizer, codes, BOOST.pattern)


def encoded(
    encoder: SampleEncoder, line: dict[str, Any], system: str = "luke", folder: Path = Path()
) -> EncodedSample:
    return encoder.encode(parse_sample(json.dumps(line), folder), system)


def learnt(sample: EncodedSample) -> list[int]:
    return sample.labels[sample.labels != -100].tolist()


def require_continues(sample: EncodedSample, prompt: Prompt) -> None:
    """What is not learnt is the prompt of a conversation, token by token."""
    n = len(prompt.ids)
    assert tuple(sample.ids[:n]) == prompt.ids
    assert (sample.labels[:n] == -100).all()
    assert (sample.labels[n:] == sample.ids[n:]).all()


def ends(tokenizer: TextTokenizer) -> list[int]:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end is not None
    return [end, *tokenizer.encode("\n")]


def test_a_spoken_answer_of_eleven_text_tokens_and_sixty_codes(
    encoder: SampleEncoder, tokenizer: TextTokenizer
) -> None:
    sample = encoded(encoder, spoken("q.wav", "a.wav", "abcdefghij"))
    table = tokenizer.table
    text = tokenizer.encode("abcdefghij\n")
    assert len(text) == 11
    begin, end = [table.begin_of_audio], [table.end_of_audio]
    code = [table.id_of(c) for c in ANSWER]
    assert learnt(sample) == [
        *(text[:1] + begin + code[:8] + end),
        *(text[1:5] + begin + code[8:16] + end),
        *(text[5:9] + begin + code[16:24] + end),
        *(text[9:] + begin + code[24:] + end),
        *ends(tokenizer),
    ]


def test_a_spoken_question_is_read_as_in_a_conversation(
    encoder: SampleEncoder, tokenizer: TextTokenizer
) -> None:
    audio = DiscreteAudio(tuple(QUESTION))
    line = spoken("q.wav", "a.wav", "Hello.")
    require_continues(encoded(encoder, line), speech_to_speech(tokenizer, audio, system=LUKE))
    require_continues(
        encoded(encoder, line, system="lucy"), speech_to_speech(tokenizer, audio, system=LUCY)
    )


def test_a_system_message_of_the_sample_is_kept(
    encoder: SampleEncoder, tokenizer: TextTokenizer
) -> None:
    line = spoken("q.wav", "a.wav", "Hello.")
    line["messages"].insert(0, {"role": "system", "content": "Be brief."})
    prompt = speech_to_speech(tokenizer, DiscreteAudio(tuple(QUESTION)), system="Be brief.")
    require_continues(encoded(encoder, line), prompt)


def test_recognition_learns_the_words_and_the_end(
    encoder: SampleEncoder, tokenizer: TextTokenizer
) -> None:
    sample = encoded(encoder, recognised("q.wav", "hello there"))
    require_continues(sample, recognition(tokenizer, DiscreteAudio(tuple(QUESTION))))
    assert learnt(sample) == [*tokenizer.encode("hello there"), *ends(tokenizer)]


def test_synthesis_writes_the_text_again_while_it_reads_it_aloud(
    encoder: SampleEncoder, tokenizer: TextTokenizer
) -> None:
    sample = encoded(encoder, read_aloud("a.wav", "abcdefghijk"))
    require_continues(sample, synthesis(tokenizer, "abcdefghijk"))
    table = tokenizer.table
    assert [i for i in learnt(sample) if table.is_code(i)] == [table.id_of(c) for c in ANSWER]
    written_again = [i for i in learnt(sample)[:-2] if i < table.begin_of_audio]
    assert written_again == tokenizer.encode("abcdefghijk")
    assert learnt(sample)[1] == table.begin_of_audio


def test_a_voice_to_imitate_is_read_as_codes(
    encoder: SampleEncoder, tokenizer: TextTokenizer
) -> None:
    line = read_aloud("a.wav", "Hello.")
    line["messages"].insert(0, {"role": "system", "content": "Your Voice: <|audio|>\n"})
    line["audios"].insert(0, "q.wav")
    prompt = synthesis_with_voice(tokenizer, "Hello.", QUESTION)
    require_continues(encoded(encoder, line), prompt)


def test_written_text_is_learnt_as_it_is(encoder: SampleEncoder, tokenizer: TextTokenizer) -> None:
    sample = encoded(encoder, written("Hi.", "Hello."))
    require_continues(sample, text_chat(tokenizer, "Hi."))


def test_a_message_that_is_only_read_has_no_labels(encoder: SampleEncoder) -> None:
    line = {
        "messages": [*written("Hi.", "Hello.")["messages"], *written("So?", "Yes.")["messages"]]
    }
    both = learnt(encoded(encoder, line))
    line["messages"][1]["learn"] = False
    last = learnt(encoded(encoder, line))
    assert both[-len(last) :] == last
    assert len(both) == len(last) + len("Hello.") + 2


def test_codes_that_the_vocabulary_lacks_are_that_samples_fault(tokenizer: TextTokenizer) -> None:
    encoder = SampleEncoder(tokenizer, KnownCodes({"q.wav": [16_384]}), BOOST.pattern)
    with pytest.raises(BadSample, match="audio codes are 0 to 16383") as raised:
        encoded(encoder, recognised("q.wav", "hello"))
    assert raised.value.fault is Fault.UNKNOWN


def test_plus_hears_the_user_as_frames_and_answers_in_codes(
    tiny_plus: Path, tmp_path: Path
) -> None:
    encoder = SampleEncoder.from_directory(tiny_plus, BOOST.pattern)
    question = record(tmp_path / "q.wav", seconds=1.3)
    answer = record(tmp_path / "a.wav", seconds=2.0)
    line = spoken(question.name, answer.name, "Hello there.")
    sample = encoded(encoder, line, folder=tmp_path)

    n_frames = n_frames_of(round(1.3 * 16_000))
    prompt = speech_to_speech(encoder.tokenizer, ContinuousAudio(n_frames))
    require_continues(sample, prompt)
    assert sample.spans == (prompt.audio,)
    assert sample.features[0].shape == (n_frames, 560)
    assert sample.spans[0].n_positions == n_frames + N_QUERY_POSITIONS
    table = encoder.tokenizer.table
    span = sample.spans[0]
    inside = sample.ids[span.start : span.start + span.n_positions]
    assert (inside == table.context_of_audio).all()
    assert sum(table.is_code(i) for i in learnt(sample)) == 25
    assert sample.features[0].dtype == np.float32


def test_plus_refuses_a_question_that_its_encoder_has_no_positions_for(
    tiny_plus: Path, tmp_path: Path
) -> None:
    record(tmp_path / "q.wav", seconds=123.0)
    encoder = SampleEncoder.from_directory(tiny_plus, BOOST.pattern)
    with pytest.raises(BadSample, match="lasts 123 s") as raised:
        encoded(encoder, recognised("q.wav", "long"), folder=tmp_path)
    assert raised.value.fault is Fault.TOO_LONG


def test_codes_of_a_real_tokenizer_are_twelve_and_a_half_a_second(
    tiny_plain: Path, tmp_path: Path
) -> None:
    record(tmp_path / "q.wav", seconds=2.0)
    encoder = SampleEncoder.from_directory(tiny_plain, BOOST.pattern)
    sample = encoded(encoder, recognised("q.wav", "hi"), folder=tmp_path)
    assert sum(map(encoder.tokenizer.table.is_code, sample.ids.tolist())) == 25

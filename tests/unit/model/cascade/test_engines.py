"""The native engines with their real weights; skipped where those are absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, frozen
from model.cascade.language_model import Completion, LanguageModel
from model.cascade.moonshine import MAX_SAMPLES, Moonshine
from model.cascade.onnx_graph import with_named_subgraphs
from model.cascade.recognizer import StreamingRecognizer, words_in
from model.errors import WeightsError
from model.store.packages import WeightStore

SMALL = "smollm2-135m"


@pytest.fixture(scope="module")
def llm(weights: Callable[[str], Path]) -> Iterator[LanguageModel]:
    model = LanguageModel(weights(SMALL))
    yield model
    model.close()


def text_of(completion: Completion) -> str:
    text = ""
    while True:
        piece = completion.take(30.0)
        assert piece is not None, "the language model is silent"
        assert piece.error is None
        text += piece.text
        if piece.is_last:
            return text


def test_the_language_model_writes(llm: LanguageModel) -> None:
    assert text_of(llm.complete("One, two, three, four,", 8)).strip()


def test_the_same_prompt_gives_the_same_text(llm: LanguageModel) -> None:
    first, second = (text_of(llm.complete("The sky is", 12)) for _ in range(2))
    assert first == second


def test_warming_a_prompt_writes_nothing(llm: LanguageModel) -> None:
    assert text_of(llm.warm("Once upon a time")) == ""


def test_a_cancelled_completion_ends(llm: LanguageModel) -> None:
    completion = llm.complete("Tell me everything about the sea. It is", 500)
    completion.take(30.0)
    completion.cancel()
    assert completion.is_done.wait(30.0)
    n_words = len(text_of(completion).split())
    assert n_words < 400


def test_tokens_are_counted_by_the_models_own_tokenizer(llm: LanguageModel) -> None:
    assert llm.count_tokens("") == 0
    assert 1 <= llm.count_tokens("hello there") <= 4
    assert llm.count_tokens("word " * 100) >= 100


def test_a_prompt_beyond_the_context_is_an_error_not_a_hang(llm: LanguageModel) -> None:
    completion = llm.complete("word " * 9000, 5)
    piece = completion.take(60.0)
    assert piece is not None
    assert piece.error


def test_the_language_model_listens_on_no_network(llm: LanguageModel) -> None:
    if not Path("/proc/self/net/tcp").is_file():
        pytest.skip("this system does not list its sockets")
    mine = {
        str(link.readlink())
        for link in Path("/proc/self/fd").iterdir()
        if link.exists() or link.is_symlink()
    }
    listening = {
        f"socket:[{line.split()[9]}]"
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/self/net/{table}").read_text("ascii").splitlines()[1:]
        if line.split()[3] == "0A"
    }
    assert llm.count_tokens("still reachable") > 0
    assert not mine & listening


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nothing\.gguf"):
        LanguageModel(tmp_path / "nothing.gguf")


@pytest.fixture(scope="module")
def recognisers(weight_store: WeightStore) -> tuple[Moonshine, Moonshine]:
    folders = [weight_store.folder / f"moonshine-{size}-en" for size in ("tiny", "base")]
    if not all((folder / "decoder_model_merged.ort").is_file() for folder in folders):
        pytest.skip("the recogniser's weights are missing; run: parley models get")
    return Moonshine(folders[0]), Moonshine(folders[1], fold=True)


def test_a_recorded_request_is_understood(
    recognisers: tuple[Moonshine, Moonshine], shared_dev: Path
) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples, _ = soundfile.read(shared_dev / "speech" / "s2i-4bf32777.flac", dtype="float32")
    small, large = (words_in(recogniser, samples).text.lower() for recogniser in recognisers)
    assert "with sugar and a bit of whole milk" in small
    assert "latte with sugar" in large


def test_noise_is_no_speech(recognisers: tuple[Moonshine, Moonshine]) -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.03, 3 * ENGINE_RATE_HZ).astype(np.float32)
    recogniser = StreamingRecognizer(*recognisers)
    for start in range(0, len(noise), 1600):
        assert not recogniser.hear(AudioFrame(frozen(noise[start : start + 1600]), start))
    assert recogniser.finish() == ""


def test_more_than_the_model_can_take_is_refused(
    recognisers: tuple[Moonshine, Moonshine],
) -> None:
    with pytest.raises(ValueError, match=str(MAX_SAMPLES)):
        recognisers[0].transcribe(np.zeros(MAX_SAMPLES + 1, np.float32))


def test_the_longest_segment_is_transcribed(recognisers: tuple[Moonshine, Moonshine]) -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.03, MAX_SAMPLES).astype(np.float32)
    for recogniser in recognisers:
        recogniser.transcribe(noise)


def test_a_missing_recogniser_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"encoder_model\.ort"):
        Moonshine(tmp_path)


def field(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2, len(body)]) + body


def test_nameless_branches_get_a_name_and_nothing_else_changes() -> None:
    named = field(2, b"mine")
    branch = field(1, b"") + b"\x08\x96\x01"
    graph = field(1, field(5, field(6, branch)) + field(5, field(6, named))) + field(2, b"main")
    model = b"\x08\x07" + field(7, graph)
    changed = with_named_subgraphs(model)
    assert b"branch_1" in changed
    assert b"branch_2" not in changed
    assert len(changed) == len(model) + len(field(2, b"branch_1"))
    assert with_named_subgraphs(changed) == changed


@pytest.mark.parametrize("broken", [b"\x0f", b"\x0a\xff", b"\x0a\x05ab", b"\x80"])
def test_bytes_that_are_no_model_are_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="not a protobuf message"):
        with_named_subgraphs(broken)

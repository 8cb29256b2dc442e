# ruff: noqa: E402  what is imported below needs torch
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from audio_io.frames import frozen
from model.duplex.outcomes import NOT_SCORED, Outcome
from model.files.content_cache import Cache, address
from model.training import train_duplex
from model.training.duplex.backbone_head.backbone_head import BackboneListener, pauses_of
from model.training.duplex.data.dataset import CACHE, CLIPS
from model.training.duplex.data.heard_clips import ClipInfo, Heard
from model.training.duplex.data.scene import Truth
from model.vita_audio.checkpoint.directory import resolve
from model.vita_audio.language_model.duplex_head import FILE, read_head
from tests.fakes.audio import speech_like
from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model

N_FRAMES = 240
PAUSES = ((40, 100), (160, 200))  # frames of 10 ms in which speech goes on


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def clip(name: str, split: str, seed: int) -> Heard:
    info = ClipInfo(name, split, "toy", "en", "made", "nobody", "CC0", 2.4, seed)
    is_speech = np.zeros(N_FRAMES, np.bool_)
    outcomes = np.full(N_FRAMES // 8, NOT_SCORED, np.int8)
    for begin, end in PAUSES:
        is_speech[begin:end] = True
    outcomes[100 // 8 :] = Outcome.HOLD
    outcomes[200 // 8 :] = Outcome.END_OF_TURN
    sound = speech_like(N_FRAMES / 100, seed)[: N_FRAMES * 160]
    return Heard(
        info=info,
        clean=frozen(sound),
        far=frozen(np.zeros_like(sound)),
        p_speech=is_speech.astype(np.float32),
        is_speech=is_speech,
        has_converged=np.ones(N_FRAMES, np.bool_),
        is_agent_speaking=np.zeros(N_FRAMES, np.bool_),
        words=(),
        agent_text=(),
        truth=Truth(outcomes, np.zeros(len(outcomes), np.bool_)),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    clips = [clip(f"t{i}", "train", i) for i in range(4)]
    clips += [clip(f"v{i}", "val", 10 + i) for i in range(2)]
    lines: list[str] = []
    for heard in clips:
        where = address("heard", heard.info.id)
        Cache(folder / CACHE).write(where, heard.entry())
        lines.append(json.dumps({**asdict(heard.info), "heard": where}) + "\n")
    (folder / CLIPS).write_text("".join(lines), encoding="utf-8")
    return folder


def test_a_turn_is_asked_about_where_speech_ends() -> None:
    pauses = pauses_of(clip("x", "train", 0))
    assert [(pause.begin, pause.end) for pause in pauses] == [(5, 100), (5, 200)]
    assert [pause.outcome for pause in pauses] == [0, 1]  # goes on, is over


def test_an_example_knows_nothing_of_what_comes_after_the_pause(backbone: Path) -> None:
    listener = BackboneListener(resolve(backbone), torch.device("cpu"))
    first, later, other = (speech_like(1.6, seed) for seed in (1, 2, 3))
    ends = [len(first), len(first) + len(later)]
    one, _ = listener.states_at(np.concatenate([first, later]), ends)
    same, _ = listener.states_at(np.concatenate([first, other]), ends)
    assert one is not None
    assert same is not None
    assert one.shape == (20, listener.width)
    assert torch.equal(one, same)


def test_a_head_is_trained_and_put_into_the_models_directory(data: Path, backbone: Path) -> None:
    command = [str(data), "--backbone", str(backbone), "--epochs", "2", "--device", "cpu"]
    assert train_duplex.main(command) == 0
    head = read_head(
        backbone / FILE, BackboneListener(resolve(backbone), torch.device("cpu")).width
    )
    assert head.temperature > 0.0
    before = (backbone / FILE).read_bytes()
    assert train_duplex.main(command) == 1, "no better than the one that is there"
    assert (backbone / FILE).read_bytes() == before
    assert train_duplex.main([*command, "--force"]) == 0


def test_clips_without_their_sound_are_refused(
    tmp_path: Path, backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / CLIPS).write_text("", encoding="utf-8")
    assert train_duplex.main([str(tmp_path), "--backbone", str(backbone)]) == 1
    assert "is missing: the sound of the clips" in capsys.readouterr().err


def test_a_plus_variant_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plus = write_tiny_model(tmp_path, plus=True)
    assert train_duplex.main([str(data), "--backbone", str(plus)]) == 1
    assert "choose a variant that hears audio codes" in capsys.readouterr().err

import os
import pickle
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from torch.nn.utils import parametrizations  # noqa: E402

from model.errors import WeightsError  # noqa: E402
from model.vita_audio.checkpoint.pickled_weights import fuse_weight_norm  # noqa: E402
from model.vita_audio.speech_decoder.decoder import SpeechDecoder  # noqa: E402


@pytest.fixture
def directory(tiny_directory, tmp_path):
    copy = tmp_path / "decoder"
    shutil.copytree(tiny_directory, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    return copy


def load(directory):
    return SpeechDecoder.from_directory(directory, "cpu", torch.float32)


def state_of(decoder):
    return {**decoder._flow.state_dict(), **decoder._hift.state_dict()}


def edit(path, change):
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)


@pytest.mark.parametrize("layer", ["convolution", "transposed"])
def test_fused_weight_is_that_of_weight_norm(layer):
    torch_layer = {
        "convolution": torch.nn.Conv1d(4, 6, 3),
        "transposed": torch.nn.ConvTranspose1d(4, 6, 3),
    }[layer]
    normed = parametrizations.weight_norm(torch_layer)
    with torch.no_grad():
        normed.parametrizations.weight.original0.mul_(1.7)
    state = {f"up.{name}": tensor for name, tensor in normed.state_dict().items()}
    legacy = {
        "up.weight_g": state["up.parametrizations.weight.original0"],
        "up.weight_v": state["up.parametrizations.weight.original1"],
        "up.bias": state["up.bias"],
    }

    for stored in (state, legacy):
        fused = fuse_weight_norm(stored)
        assert set(fused) == {"up.weight", "up.bias"}
        assert torch.allclose(fused["up.weight"], normed.weight, atol=1e-6)


def test_files_are_converted_once_and_read_again_equal(directory):
    first = load(directory)
    written = {path.name: path.stat().st_mtime_ns for path in directory.glob("*.safetensors")}

    second = load(directory)

    assert set(written) == {"flow.safetensors", "hift.safetensors"}
    again = {path.name: path.stat().st_mtime_ns for path in directory.glob("*.safetensors")}
    assert written == again
    for name, tensor in state_of(first).items():
        assert torch.equal(tensor, state_of(second)[name]), name
    assert not list(directory.glob("*.part"))


def test_converted_files_suffice(directory):
    expected = state_of(load(directory))
    (directory / "flow.pt").unlink()
    (directory / "hift.pt").unlink()

    actual = state_of(load(directory))

    assert all(torch.equal(tensor, actual[name]) for name, tensor in expected.items())


def test_a_replaced_original_is_converted_again(directory):
    load(directory)
    edit(directory / "flow.pt", lambda state: state["encoder_proj.bias"].fill_(7.0))
    os.utime(directory / "flow.pt", ns=(1, 1))

    assert bool((load(directory)._flow.encoder_proj.bias == 7.0).all())


def test_a_folder_that_cannot_be_written_still_loads(directory, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "read-only file system")

    monkeypatch.setattr("model.vita_audio.checkpoint.pickled_weights.replacing", refuse)

    load(directory)

    assert not list(directory.glob("*.safetensors"))


def test_half_precision_originals_are_kept_as_float32(directory):
    edit(directory / "flow.pt", lambda state: state.update({k: v.half() for k, v in state.items()}))

    assert load(directory)._flow.encoder_proj.weight.dtype == torch.float32


@pytest.mark.parametrize("name", ["config.yaml", "flow.pt", "hift.pt"])
def test_a_missing_file_is_named(directory, name):
    (directory / name).unlink()

    with pytest.raises(WeightsError, match=rf"{name} is missing; fetch") as caught:
        load(directory)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["flow.pt", "hift.pt"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_original_is_named(directory, name, damage):
    path = directory / name
    content = path.read_bytes()
    path.write_bytes({"cut": content[:5000], "empty": b"", "text": b"not found\n"}[damage])

    with pytest.raises(WeightsError, match=rf"{name} is damaged .*fetch it again") as caught:
        load(directory)

    assert "\n" not in str(caught.value)


def test_a_damaged_conversion_is_named(directory):
    load(directory)
    (directory / "hift.safetensors").write_bytes(b"12345678 no header")

    with pytest.raises(WeightsError, match=r"hift.safetensors is damaged .*delete it"):
        load(directory)


class Surprise:
    def __reduce__(self):
        return (os.mkdir, ("surprise",))


def test_a_pickle_that_would_run_code_is_refused(directory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (directory / "flow.pt").write_bytes(pickle.dumps({"weight": Surprise()}, protocol=2))

    with pytest.raises(WeightsError, match=r"flow.pt is damaged"):
        load(directory)

    assert not (tmp_path / "surprise").exists()


def test_a_missing_tensor_is_named(directory):
    edit(directory / "flow.pt", lambda state: state.pop("encoder_proj.weight"))

    with pytest.raises(WeightsError, match=r"flow.pt lacks weights .*: encoder_proj.weight"):
        load(directory)


def test_a_direction_without_gain_is_named(directory):
    edit(directory / "hift.pt", lambda state: state.pop("conv_pre.weight_v"))

    with pytest.raises(WeightsError, match=r"hift.pt: conv_pre.weight_g has no conv_pre.weight_v"):
        load(directory)


def test_another_shape_is_named(directory):
    edit(
        directory / "flow.pt",
        lambda state: state.update({"encoder_proj.weight": torch.zeros(8, 17)}),
    )

    with pytest.raises(WeightsError, match=r"encoder_proj\.weight is 8 × 17 and should be 8 × "):
        load(directory)


@pytest.mark.allow_warnings
def test_an_additional_tensor_is_left_out_with_a_warning(directory, caplog):
    edit(directory / "flow.pt", lambda state: state.update({"step": 3, "ema.x": torch.zeros(1)}))

    load(directory)

    assert "unknown tensors left out: ema.x" in caplog.text


def test_bfloat16_moves_the_flow_by_less_than_three_percent(directory):
    generator = torch.Generator().manual_seed(0)
    x, conditions = (torch.randn(1, width, 60, generator=generator) for width in (8, 24))
    velocities = [
        SpeechDecoder.from_directory(directory, "cpu", dtype)._flow.velocity(x, conditions, 0.3)
        for dtype in (torch.float32, torch.bfloat16)
    ]

    error = (velocities[1] - velocities[0]).norm() / velocities[0].norm()

    assert velocities[1].dtype == torch.float32
    assert float(error) < 0.03


def test_bfloat16_keeps_the_loudness_of_the_vocoder(directory):
    levels = []
    for dtype in (torch.float32, torch.bfloat16):
        stream = SpeechDecoder.from_directory(directory, "cpu", dtype).open_stream(1, steps=2)
        pieces = [*stream.push(list(range(40))), *stream.finish()]
        samples = np.concatenate([piece for piece in pieces if piece is not None])
        levels.append(20 * np.log10(samples.reshape(-1, 256).std(axis=1)))

    assert np.abs(levels[1] - levels[0]).mean() < 1.0

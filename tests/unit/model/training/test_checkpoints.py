from __future__ import annotations

import contextlib
import sys

import pytest

pytest.importorskip("accelerate", reason="the speech-lm extra is not installed")

from model.training.checkpoints import whole_folder
from model.training.recipe import TrainingError

resource = pytest.importorskip("resource", reason="this system has no limit on file sizes")

LIMIT = 4096  # bytes


@contextlib.contextmanager
def small_files_only():
    """Writing beyond the limit fails in the middle, as on a full disk.

    Over before the test is: the log of the run itself may be a longer file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_folder_appears_when_it_is_finished(tmp_path):
    target = tmp_path / "000010"
    with whole_folder(target) as partial:
        (partial / "weights").write_text("all")
        assert not target.exists()
    assert (target / "weights").read_text() == "all"
    assert [path.name for path in tmp_path.iterdir()] == ["000010"]


def test_what_an_interrupted_run_left_is_not_mixed_in(tmp_path):
    target = tmp_path / "000010"
    with whole_folder(target) as partial:
        left = partial
    left.mkdir()
    (left / "old").write_text("half")
    with whole_folder(target) as partial:
        (partial / "new").write_text("whole")
    assert [path.name for path in target.iterdir()] == ["new"]


def test_finished_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "model"
    for text in ("first", "second"):
        with whole_folder(target) as partial:
            (partial / text).write_text(text)
    assert [path.name for path in target.iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on file sizes")
def test_full_disk_leaves_nothing_and_says_how_to_go_on(tmp_path):
    reason = r"000010 cannot be written: .* \(\d+ MiB free\); make room and run the same command"
    with (
        small_files_only(),
        pytest.raises(TrainingError, match=reason),
        whole_folder(tmp_path / "000010") as folder,
    ):
        (folder / "weights").write_bytes(bytes(2 * LIMIT))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on file sizes")
@pytest.mark.parametrize("kind", ["torch", "safetensors"])
def test_libraries_tell_of_a_full_disk_in_their_own_ways(tmp_path, kind):
    torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    from safetensors.torch import save_file  # noqa: PLC0415

    tensors = {"a": torch.zeros(2 * LIMIT)}
    save = torch.save if kind == "torch" else save_file
    is_told = pytest.raises(TrainingError, match="000010 cannot be written")
    with small_files_only(), is_told, whole_folder(tmp_path / "000010") as folder:
        save(tensors, folder / "weights")
    assert list(tmp_path.iterdir()) == []


def test_mistakes_in_the_program_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="shape"), whole_folder(tmp_path / "000010"):
        raise RuntimeError("shape")
    assert list(tmp_path.iterdir()) == []

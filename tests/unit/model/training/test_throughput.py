from __future__ import annotations

import re

import pytest

pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("accelerate", reason="the speech-lm extra is not installed")

from model.training import throughput

ROW = re.compile(r"\| (.+?) \| (\d+) \| \d* \| ([\d.]+) \|")


@pytest.mark.usefixtures("fresh_accelerate")
@pytest.mark.parametrize("modules", [0, 2])
def test_plain_transformers_has_the_same_first_loss(
    nano_recipe, text_data, tmp_path, capsys, modules
):
    arguments = ("--recipe", nano_recipe, "--data", text_data, "--out", tmp_path / "out")
    changes = ("--set", "stages.1.steps=2", "--set", f"stages.1.modules={modules}")
    assert throughput.main([*map(str, arguments), *changes]) == 0
    plain, ours = ROW.findall(capsys.readouterr().out)
    assert plain[0] == "transformers, Qwen2"
    assert ours[0] == f"VITA-Audio, {modules} MCTP modules"
    assert int(plain[1]) > 0 < int(ours[1])
    assert float(ours[2]) == pytest.approx(float(plain[2]), abs=2e-4)

"""``parley bench vita-audio`` without what it needs."""

from __future__ import annotations

import sys

import pytest

from app.cli.bench import run_vita_audio
from app.messages.errors import ParleyError


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    # As the import system does with a package that is not there.
    for name in [name for name in sys.modules if name.startswith("model.vita_audio.benchmark")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ParleyError, match="needs torch, which is not installed") as caught:
        run_vita_audio("tiny", "cpu", "parley bench vita-audio")
    assert "\n" not in str(caught.value)

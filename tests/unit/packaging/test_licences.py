"""The page of licences names every locked package and every kind of weight."""

from __future__ import annotations

import re
from pathlib import Path

from model.store.manifest import load_weights

REPOSITORY = Path(__file__).resolve().parents[3]


def test_every_locked_package_has_its_version_on_the_page() -> None:
    page = (REPOSITORY / "resources" / "LICENSES.md").read_text(encoding="utf-8")
    plain = page.lower().replace("_", "-")
    locks = [REPOSITORY / "packaging" / f"requirements{kind}.lock" for kind in ("-build", "")]
    for lock in locks:
        for line in lock.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"([a-z0-9._-]+)==([^ ]+)", line):
                assert found[1] in plain, f"{found[1]} of {lock.name} is not on the page"
                assert found[2] in plain, f"{found[1]} is locked at {found[2]}, the page differs"


def test_every_weight_is_on_the_page() -> None:
    page = (REPOSITORY / "resources" / "LICENSES.md").read_text(encoding="utf-8")
    for weight in load_weights():
        folder = weight.path.partition("/")[0]
        assert folder in page, f"{weight.path} is not on the page"


def test_locks_name_no_index() -> None:
    for lock in (REPOSITORY / "packaging").glob("*.lock"):
        assert "://" not in lock.read_text(encoding="utf-8")

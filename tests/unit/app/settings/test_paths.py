"""Where things are kept."""

from __future__ import annotations

from pathlib import Path

from app.settings.paths import app_paths


def test_one_variable_moves_everything(tmp_path: Path) -> None:
    paths = app_paths({"PARLEY_HOME": str(tmp_path / "home")})
    everything = (
        paths.config,
        paths.data,
        paths.logs,
        paths.settings_file,
        paths.history_file,
        paths.recordings,
    )
    assert all(path.is_relative_to(tmp_path / "home") for path in everything)
    assert len(set(everything)) == len(everything)
    assert list(tmp_path.iterdir()) == [], "asking for a folder does not create it"


def test_a_relative_home_does_not_depend_on_a_later_change_of_folder() -> None:
    assert app_paths({"PARLEY_HOME": "here"}).config == Path.cwd() / "here" / "config"


def test_without_it_the_system_decides() -> None:
    paths = app_paths({})
    assert paths.settings_file.name == "settings.toml"
    assert paths.config.is_absolute()
    assert "parley" in str(paths.data)


def test_an_empty_variable_counts_as_none() -> None:
    assert app_paths({"PARLEY_HOME": ""}) == app_paths({})

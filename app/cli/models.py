"""``parley models``: shows, fetches, checks, adds and removes model files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from app.messages.progress_bar import ProgressBar
from app.settings.file import load_settings
from app.settings.paths import app_paths
from model.catalog import catalog
from model.errors import ModelError, WeightsError
from model.store.models import PREFIX, ModelStore
from model.store.models import default_model_store as model_store_of
from model.store.network import NETWORK
from model.store.readiness import free_memory
from model.types import FetchProgress

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

EXIT_OK = 0
EXIT_FAILED = 1
DEFAULT_GROUP = "core"
_MEGABYTE = 1_000_000
_GIGABYTE = 1_000_000_000
_MB_PER_GB = 1000
_YES = {True: "yes", False: "no"}


def default_model_store(mirror: str = "") -> ModelStore:
    """Return the user's model files, and let them connect where the settings allow it.

    Args:
        mirror: address of a hub; "" for what PARLEY_HUB_MIRROR or the settings say.
    """
    paths = app_paths()
    model_store = model_store_of(paths.local_models_file)
    settings = load_settings(paths.settings_file).settings
    NETWORK.obey(settings.privacy.network)
    model_store.use_mirror(settings.model.hub_mirror, mirror)
    return model_store


def add_models_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``models`` and its commands; each runs ``run_models``."""
    models = subparsers.add_parser("models", help="show, fetch, check, add and remove model files")
    models.set_defaults(run=run_models)
    commands = models.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="what there is: size, licence, and whether it runs here")
    get = commands.add_parser("get", help="fetch what is missing")
    _add_names(get, nargs="*")
    get.add_argument("--hub", action="store_true", help="ask the publishers' hub first")
    get.add_argument("--mirror", default="", metavar="URL", help="a mirror of the hub")
    get.add_argument(
        "--offline", action="store_true", help="connect to nothing; fail if something is missing"
    )
    check = commands.add_parser("check", help="read every file and compare its checksum")
    _add_names(check, nargs="*")
    _add_names(commands.add_parser("remove", help="delete files, forget a folder"), nargs="+")
    add = commands.add_parser("add", help="use a VITA-Audio folder of your own")
    add.add_argument("folder", type=Path, metavar="DIR")
    add.add_argument("--name", default="", metavar="NAME", help="default: the folder's name")


def _add_names(parser: argparse.ArgumentParser, nargs: str) -> None:
    about = "names of weights, of models or groups, of folders that were added (local:NAME)"
    parser.add_argument("names", nargs=nargs, metavar="NAME", help=about)


def run_models(args: argparse.Namespace) -> int:
    """Run one command and return the exit code. An error is one line on stderr."""
    try:
        model_store = default_model_store(getattr(args, "mirror", ""))
        match args.models_command:
            case "list":
                return _list(model_store)
            case "get":
                model_store.weights.may_use_hub = model_store.weights.may_use_hub or args.hub
                if args.offline:
                    NETWORK.refusal = "--offline was given"
                return _get(model_store, args.names or [DEFAULT_GROUP])
            case "check":
                return _check(model_store, args.names)
            case "add":
                return _add(model_store, args.folder, args.name)
            case _:
                return _remove(model_store, args.names)
    except WeightsError as error:
        sys.stderr.write(f"parley models: {error}\n")
        return EXIT_FAILED


# -- list --------------------------------------------------------------------------------------


def _list(model_store: ModelStore) -> int:
    _list_weights(model_store)
    sys.stdout.write("\n")
    _list_repositories(model_store)
    sys.stdout.write("\n")
    _list_models(model_store)
    return EXIT_OK


def _list_weights(model_store: ModelStore) -> None:
    store = model_store.weights
    rows = [("NAME", "MB", "HERE", "GROUPS", "LICENCE", "PURPOSE")]
    for weight in store.manifest:
        here = _YES[store.is_present(weight.name)]
        size = f"{weight.n_bytes / _MEGABYTE:.1f}"
        groups = ",".join(weight.groups)
        rows.append((weight.name, size, here, groups, weight.licence, weight.purpose))
    _write_table(rows)
    sys.stdout.write("\n")
    for group, purpose in store.manifest.groups.items():
        n_bytes = sum(weight.n_bytes for weight in store.manifest.in_group(group))
        n_missing = len(store.missing(group))
        state = f"{n_missing} missing" if n_missing else "complete"
        sys.stdout.write(f"{group}: {purpose} ({n_bytes / _MEGABYTE:.0f} MB, {state})\n")
    sys.stdout.write(f"{store.folder}: {store.size_on_disk / _MEGABYTE:.0f} MB\n")


def _list_repositories(model_store: ModelStore) -> None:
    """List repositories of hubs, with the commit that was found at the first download."""
    rows = [("REPOSITORY", "GB", "HERE", "COMMIT", "FROM", "LICENCE")]
    for found in model_store.hub.manifest:
        lock = model_store.hub.lock(found.name)
        size = f"{model_store.hub.n_bytes(found.name) / _GIGABYTE:.1f}"
        here = _YES[model_store.hub.is_present(found.name)]
        commit = lock.commit[:10] if lock is not None else f"({found.revision})"
        rows.append((found.name, size, here, commit, found.repo, found.licence))
    _write_table(rows)


def _list_models(model_store: ModelStore) -> None:
    """List what can be chosen, whether it runs here, and why."""
    memory = free_memory()
    rows = [("MODEL", "GB", "MEMORY GB", "RUNS HERE", "WHY")]
    for entry in catalog():
        state = model_store.readiness(entry.name, memory)
        least, full = (f"{mb / _MB_PER_GB:.0f}" for mb in entry.memory_mb)
        needs = f"{least}-{full}" if entry.size is not None else ""
        size = f"{entry.size_mb / _MB_PER_GB:.1f}"
        rows.append((entry.name, size, needs, _YES[state.is_ready], state.reason))
    for model in model_store.local.all():
        state = model_store.readiness(model.choice, memory)
        reason = f"{state.reason} ({model.folder})"
        rows.append((model.choice, "", "", _YES[state.is_ready], reason))
    _write_table(rows)


def _write_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


# -- the other commands ------------------------------------------------------------------------


def _get(model_store: ModelStore, names: list[str]) -> int:
    chosen = model_store.expand(names)
    for info in model_store.files():
        if NETWORK.is_open and info.name in chosen and not info.is_present:
            size = f"{info.megabytes:.1f} MB"
            sys.stderr.write(f"to fetch: {info.name}, {size}, from {info.origin}\n")
    with ProgressBars() as bars:
        model_store.fetch(chosen, bars.show)
    n_bytes = sum(model_store.n_bytes(name) for name in chosen)
    count = f"{len(chosen)} weights ({n_bytes / _MEGABYTE:.0f} MB)"
    sys.stdout.write(f"{count} are in {model_store.weights.folder}\n")
    return EXIT_OK


def _check(model_store: ModelStore, names: list[str]) -> int:
    chosen = model_store.expand(names)
    must_be_here = bool(names)
    if not names:
        hub = model_store.hub
        here = [name for name in hub.manifest.entries if hub.is_present(name)]
        local = [model.choice for model in model_store.local.all()]
        chosen = [*model_store.weights.manifest.entries, *here, *local]
    n_bad = 0
    for name in chosen:
        if not must_be_here and not model_store.is_present(name) and not name.startswith(PREFIX):
            sys.stdout.write(f"{name}: missing\n")
            continue
        problems = model_store.problems(name)
        n_bad += bool(problems)
        for problem in problems or ("ok",):
            sys.stdout.write(f"{name}: {problem}\n")
    return EXIT_FAILED if n_bad else EXIT_OK


def _remove(model_store: ModelStore, names: list[str]) -> int:
    for name in model_store.expand_for_removal(names):
        done = "forgotten; the folder stays" if name.startswith(PREFIX) else "removed"
        state = done if model_store.remove(name) else "was not there"
        sys.stdout.write(f"{name}: {state}\n")
    return EXIT_OK


def _add(model_store: ModelStore, folder: Path, name: str) -> int:
    choice = model_store.add(folder, name)
    try:
        reason = model_store.readiness(choice).reason
    except ModelError as error:
        reason = str(error)
    for problem in model_store.problems(choice):
        sys.stderr.write(f"{choice}: {problem}\n")
    sys.stdout.write(f"{choice}: added; choose it in the settings, or with --model {choice}\n")
    sys.stdout.write(f"{choice}: {reason}\n")
    return EXIT_OK


class ProgressBars:
    """One bar for each file on stderr, and a line for each note."""

    def __init__(self) -> None:
        self._bar: ProgressBar | None = None
        self._name = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def show(self, progress: FetchProgress) -> None:
        """Move the bar of the file, or write the note."""
        if progress.note or progress.name != self._name:
            self._close()
        if progress.note:
            sys.stderr.write(f"{progress.note}\n")
            return
        if self._bar is None:
            self._name, total = progress.name, progress.n_bytes
            options = {"total": total, "desc": self._name, "unit": "B", "unit_scale": True}
            self._bar = ProgressBar(sys.stderr, **options)
        self._bar.show(progress.n_done)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None

"""``parley models``: shows, fetches, checks and removes weight files.

Knows the manifest and the weights folder through ``model.weights``; loads no model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from tqdm import tqdm

from model.errors import WeightsError
from model.weights import FetchProgress, WeightStore, default_store

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

EXIT_OK = 0
EXIT_FAILED = 1
DEFAULT_GROUP = "core"
_MEGABYTE = 1_000_000
_TERMINAL_REFRESH_S = 0.2
_LOG_REFRESH_S = 10.0


def add_models_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``models`` and its commands; ``run_models`` takes the parsed arguments."""
    models = subparsers.add_parser("models", help="show, fetch, check and remove weight files")
    _add_commands(models)


def _add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="what there is, its size, licence, and whether it is here")
    get = commands.add_parser("get", help="fetch what is missing")
    _add_names(get, nargs="*")
    get.add_argument("--hub", action="store_true", help="ask the publishers' hub first")
    get.add_argument(
        "--offline", action="store_true", help="ask nobody; fail if something is missing"
    )
    check = commands.add_parser("check", help="read every file and compare its SHA-256")
    _add_names(check, nargs="*")
    _add_names(commands.add_parser("remove", help="delete files"), nargs="+")


def _add_names(parser: argparse.ArgumentParser, nargs: str) -> None:
    parser.add_argument("names", nargs=nargs, metavar="NAME", help="names of weights or groups")


def run_models(args: argparse.Namespace) -> int:
    """Runs one command; returns the exit status. An error is one line on stderr."""
    try:
        store = default_store()
        match args.models_command:
            case "list":
                return _list(store)
            case "get":
                store.may_use_hub = store.may_use_hub or args.hub
                store.is_offline = store.is_offline or args.offline
                return _get(store, args.names or [DEFAULT_GROUP])
            case "check":
                return _check(store, args.names)
            case _:
                return _remove(store, args.names)
    except WeightsError as error:
        sys.stderr.write(f"parley models: {error}\n")
        return EXIT_FAILED


def _expand(store: WeightStore, names: Iterable[str]) -> list[str]:
    """Groups become their members; the order is kept and nothing comes twice."""
    chosen: dict[str, None] = {}
    for name in names:
        if name in store.manifest.groups:
            chosen.update((weight.name, None) for weight in store.manifest.in_group(name))
        else:
            chosen[store.manifest.named(name).name] = None
    return list(chosen)


def _list(store: WeightStore) -> int:
    rows = [("NAME", "MB", "HERE", "GROUPS", "LICENCE", "PURPOSE")]
    for weight in store.manifest.weights.values():
        here = "yes" if store.is_present(weight.name) else "no"
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
    return EXIT_OK


def _write_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _get(store: WeightStore, names: list[str]) -> int:
    chosen = _expand(store, names)
    with ProgressBars() as bars:
        store.fetch(chosen, bars.show)
    n_bytes = sum(store.manifest.named(name).n_bytes for name in chosen)
    count = f"{len(chosen)} weights ({n_bytes / _MEGABYTE:.0f} MB)"
    sys.stdout.write(f"{count} are in {store.folder}\n")
    return EXIT_OK


def _check(store: WeightStore, names: list[str]) -> int:
    chosen = _expand(store, names) or list(store.manifest.weights)
    must_be_here = bool(names)
    n_bad = 0
    for name in chosen:
        if not store.path(name).exists():
            state = "missing"
            n_bad += must_be_here
        elif store.verify(name):
            state = "ok"
        else:
            state = f"damaged; run: parley models remove {name} && parley models get {name}"
            n_bad += 1
        sys.stdout.write(f"{name}: {state}\n")
    return EXIT_FAILED if n_bad else EXIT_OK


def _remove(store: WeightStore, names: list[str]) -> int:
    for name in _expand(store, names):
        state = "removed" if store.remove(name) else "was not there"
        sys.stdout.write(f"{name}: {state}\n")
    return EXIT_OK


class _Bar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar without tqdm's watching thread: reports arrive by themselves."""

    monitor_interval = 0


class ProgressBars:
    """One bar for each file on stderr, and a line for each note."""

    def __init__(self) -> None:
        self._bar: _Bar | None = None
        self._name = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def show(self, progress: FetchProgress) -> None:
        if progress.note:
            self._close()
            sys.stderr.write(f"{progress.note}\n")
            return
        if self._bar is None or progress.name != self._name:
            self._close()
            self._bar = _bar(progress)
            self._name = progress.name
        self._bar.update(progress.n_done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def _bar(progress: FetchProgress) -> _Bar:
    refresh_s = _TERMINAL_REFRESH_S if sys.stderr.isatty() else _LOG_REFRESH_S
    return _Bar(
        total=progress.n_bytes,
        desc=progress.name,
        unit="B",
        unit_scale=True,
        mininterval=refresh_s,
        maxinterval=refresh_s,
    )


def main(arguments: list[str] | None = None) -> int:
    """``python -m app.cli_models``: the same commands, for the launcher."""
    parser = argparse.ArgumentParser(prog="parley models")
    _add_commands(parser)
    return run_models(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())

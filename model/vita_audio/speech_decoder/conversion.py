"""Reads ``flow.pt`` and ``hift.pt`` once and keeps them as safetensors beside the originals.

Nothing but tensors is unpickled. Weight norm is undone, under its legacy names and those of the
parametrisation. That the published files hold exactly these tensors is not verified: a missing or
misshapen one is an error that names it, an additional one is left out with a warning.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from model.errors import WeightsError

_log = logging.getLogger(__name__)

_SOURCE = "source"  # metadata: size and time of the file that was converted
_NORM_NAMES = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)
_REMEDY = "delete it and fetch it again"
_N_NAMED_KEYS = 3


def load_into(network: nn.Module, source: Path, device: torch.device) -> None:
    """Fills ``network``, made on the meta device, with the float32 tensors of ``source``.

    Reads the safetensors beside ``source`` if they were made from it, else makes them.

    Raises:
        WeightsError: a file is missing or damaged, or does not fit the network.
    """
    state = _converted(source, device)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    _check(state, wanted, source)
    network.load_state_dict({name: state[name] for name in wanted}, assign=True)
    network.requires_grad_(requires_grad=False).eval()


def fuse_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replaces each pair of gain g and direction v by its weight g · v / ‖v‖."""
    fused = dict(state)
    for gain_name, direction_name in _NORM_NAMES:
        for name in [name for name in fused if name.endswith(gain_name)]:
            stem = name.removesuffix(gain_name)
            direction = fused.pop(stem + direction_name, None)
            if direction is None:
                raise WeightsError(f"{name} has no {stem}{direction_name} beside it")
            gain = fused.pop(name)
            norm = torch.linalg.vector_norm(direction.flatten(1), dim=1)
            scale = gain.flatten() / norm
            fused[f"{stem}.weight"] = direction * scale.view(-1, *[1] * (direction.dim() - 1))
    return fused


def _converted(source: Path, device: torch.device) -> dict[str, Tensor]:
    target = source.with_suffix(".safetensors")
    origin = _origin(source)
    if target.exists():
        state, made_from = _read_safetensors(target, device)
        if origin is None or made_from == origin:
            return state
    if origin is None:
        raise WeightsError(f"{source} is missing; fetch the decoder's files")
    state = _read_pickle(source)
    _keep(state, target, origin)
    return {name: tensor.to(device) for name, tensor in state.items()}


def _origin(source: Path) -> str | None:
    try:
        found = source.stat()
    except OSError:
        return None
    return f"{found.st_size} bytes, {found.st_mtime_ns} ns"


def _read_safetensors(path: Path, device: torch.device) -> tuple[dict[str, Tensor], str | None]:
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = cast(dict[str, str] | None, file.metadata()) or {}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata.get(_SOURCE)  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged ({_one_line(error)}); {_REMEDY}") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is damaged ({_one_line(error)}); {_REMEDY}") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path} holds no table of tensors; {_REMEDY}")
    table = cast(dict[str, object], loaded)
    tensors = {name: each for name, each in table.items() if isinstance(each, Tensor)}
    try:
        fused = fuse_weight_norm({name: each.float() for name, each in tensors.items()})
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}; {_REMEDY}") from error
    return {name: tensor.contiguous() for name, tensor in fused.items()}


def _keep(state: dict[str, Tensor], target: Path, origin: str) -> None:
    """Writes ``target`` whole or not at all; a folder that cannot be written is no error."""
    try:
        handle, name = tempfile.mkstemp(prefix=target.name, suffix=".part", dir=target.parent)
    except OSError as error:
        _log.info("%s is not kept: %s; the original is read each time", target.name, error)
        return
    os.close(handle)
    part = Path(name)
    try:
        save_file(state, part, metadata={_SOURCE: origin})
        os.replace(part, target)
    except (OSError, SafetensorError) as error:
        _log.info("%s is not kept: %s; the original is read each time", target.name, error)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _check(state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], path: Path) -> None:
    missing = sorted(wanted.keys() - state.keys())
    if missing:
        raise WeightsError(
            f"{path} lacks {len(missing)} of {len(wanted)} tensors: {_some(missing)}; "
            "this is another model, or its config.yaml is another's"
        )
    wrong = [name for name, shape in wanted.items() if tuple(state[name].shape) != shape]
    if wrong:
        name = wrong[0]
        raise WeightsError(
            f"{path}: {name} is {tuple(state[name].shape)} and should be {wanted[name]} "
            f"({len(wrong)} such tensors); config.yaml belongs to another model"
        )
    additional = sorted(state.keys() - wanted.keys())
    if additional:
        _log.warning(
            "%s: %d unknown tensors left out: %s", path, len(additional), _some(additional)
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_N_NAMED_KEYS])
    return shown if len(names) <= _N_NAMED_KEYS else f"{shown}, …"


def _one_line(error: BaseException) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__

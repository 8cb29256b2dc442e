"""Reads the files of ``torch.save``, and keeps them as safetensors beside the originals.

Nothing but tensors is unpickled. Weight norm is undone, under its legacy names and those of the
parametrisation.
"""

import contextlib
import logging
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from model.errors import WeightsError
from model.files.records import one_line
from model.files.whole_file import replacing
from model.vita_audio.checkpoint.weight_files import misfits, read_tensors, some

logger = logging.getLogger(__name__)

_SOURCE = "source"  # metadata: size and time of the file that was converted
_NORM_NAMES = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)
_REMEDY = "delete it and fetch it again"


def load_into(network: nn.Module, source: Path, device: torch.device) -> None:
    """Fill ``network``, made on the meta device, with the float32 tensors of ``source``.

    Reads the safetensors beside ``source`` if they were made from it, else makes them. That the
    published files hold exactly these tensors is not verified: an additional one is left out with a
    warning.

    Raises:
        WeightsError: a file is missing or damaged, or does not fit the network.
    """
    state = _converted(source, device)
    require_fit(network, state, source, lambda _: True)
    wanted = network.state_dict().keys()
    additional = sorted(state.keys() - wanted)
    if additional:
        logger.warning("%s: unknown tensors left out: %s", source, some(additional))
    network.load_state_dict({name: state[name] for name in wanted}, assign=True)
    network.requires_grad_(requires_grad=False).eval()


def require_fit(
    network: nn.Module,
    state: Mapping[str, Tensor],
    path: Path,
    is_ignored: Callable[[str], bool] = lambda _: False,
) -> None:
    """Raise WeightsError if ``state``, read from ``path``, is not exactly that of ``network``."""
    expected, found = (
        {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        for tensors in (network.state_dict(), state)
    )
    problems = misfits(path, found, expected, is_ignored)
    if problems:
        raise WeightsError(f"{'; '.join(problems)}; this is another model")


def read_pickled(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file of ``torch.save``, or of the training state that it holds.

    Raises:
        WeightsError: the file is missing or damaged, or would run code.
    """
    try:
        loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = one_line(str(error).partition("\n")[0]) or type(error).__name__
        raise WeightsError(f"{path} is damaged ({reason}); {_REMEDY}") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path} holds no table of tensors; {_REMEDY}")
    table = cast(dict[str, object], loaded)
    inner = table.get("state_dict")
    table = cast(dict[str, object], inner) if isinstance(inner, dict) else table
    return {name: each for name, each in table.items() if isinstance(each, Tensor)}


def fuse_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace each pair of gain g and direction v by its weight g · v / ‖v‖."""
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
    origin = None
    with contextlib.suppress(OSError):
        found = source.stat()
        origin = f"{found.st_size} bytes, {found.st_mtime_ns} ns"
    if target.exists():
        state, notes = read_tensors(target, str(device), _REMEDY)
        if origin in (None, notes.get(_SOURCE)):
            return state
    if origin is None:
        raise WeightsError(f"{source} is missing; fetch the decoder's files")
    tensors = {name: tensor.float() for name, tensor in read_pickled(source).items()}
    try:
        fused = fuse_weight_norm(tensors)
    except WeightsError as error:
        raise WeightsError(f"{source}: {error}; {_REMEDY}") from error
    state = {name: tensor.contiguous() for name, tensor in fused.items()}
    try:
        with replacing(target) as partial:
            save_file(state, partial, metadata={_SOURCE: origin})
    except (OSError, SafetensorError) as error:  # a folder that cannot be written
        logger.info("%s is not kept: %s; the original is read each time", target.name, error)
    return {name: tensor.to(device) for name, tensor in state.items()}

"""What is stored beside the duplex network's weights: its shape, its inputs, its thresholds.

Reads and writes JSON; knows no tensor, no sound and no policy.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from model.errors import WeightsError

FORMAT = 2
ENDPOINTING_MODES = ("eager", "balanced", "patient")
_AGAIN = "restore the file or train again"


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Everything that fixes the number of weights.

    Attributes:
        features: groups of the input vector in their order, name and size.
        sound_groups: those that are spectra; the rest is evidence in single numbers.
        sound_width: units that read the spectra.
        evidence_width: units that read the evidence.
        hidden: units of the recurrent layer.
        head_width: units before the output.
    """

    features: tuple[tuple[str, int], ...]
    sound_groups: tuple[str, ...]
    sound_width: int = 48
    evidence_width: int = 64
    hidden: int = 128
    head_width: int = 64

    @property
    def n_features(self) -> int:
        return sum(size for _, size in self.features)

    def columns(self, *, of_sound: bool) -> tuple[int, ...]:
        """Places of the spectra in the vector, or of the evidence."""
        chosen: list[int] = []
        begin = 0
        for name, size in self.features:
            if (name in self.sound_groups) == of_sound:
                chosen += range(begin, begin + size)
            begin += size
        return tuple(chosen)


@dataclass(frozen=True, slots=True)
class EndpointingPoint:
    """When a pause is the end, for one endpointing mode.

    Attributes:
        end_p: p_end_of_turn that ends a turn...
        shortest_ms: ...after this much silence.
        longest_ms: silence that ends it whatever the network says.
    """

    end_p: float
    shortest_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True)
class OverlapPoint:
    """When a voice over the assistant is meant to stop it.

    Attributes:
        hold_p: p_interruption from which the reply is held.
        cut_p: p_interruption from which it is cut.
        resume_p: p_backchannel + p_noise from which a held reply goes on.
    """

    hold_p: float
    cut_p: float
    resume_p: float


@dataclass(frozen=True, slots=True)
class PredictorCard:
    """See the module.

    Attributes:
        features_hash: of the feature table that the weights were trained with.
        floor_temperature: divides the logits while the assistant is silent...
        overlap_temperature: ...and while it speaks.
        endpointing: an operating point for each endpointing mode.
        scores: on the validation speakers; for people, and to refuse worse weights.
    """

    features_hash: str
    shape: NetworkShape
    floor_temperature: float
    overlap_temperature: float
    endpointing: Mapping[str, EndpointingPoint]
    overlap: OverlapPoint
    trained: str = ""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


def write_card(path: Path, card: PredictorCard) -> None:
    """Replaces ``path`` at once."""
    content = {"format": FORMAT, **asdict(card)}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def read_card(path: Path) -> PredictorCard:
    """Raises WeightsError with one line that names the file, the key and the remedy."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; {_AGAIN}") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"{path} cannot be read ({reason}); {_AGAIN}") from error
    return _Reader(path).card(content)


class _Reader:
    """Turns JSON into records; every complaint names the key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def card(self, content: object) -> PredictorCard:
        top = self._object(content, "the file")
        if top.get("format") != FORMAT:
            raise self._wrong("format", f"must be {FORMAT}, got {top.get('format')!r}")
        modes = self._object(top.get("endpointing"), "endpointing")
        overlap = self._object(top.get("overlap"), "overlap")
        scores = self._object(top.get("scores", {}), "scores")
        return PredictorCard(
            features_hash=self._text(top, "features_hash"),
            shape=self._shape(self._object(top.get("shape"), "shape")),
            floor_temperature=self._number(top, "floor_temperature", least=1e-3),
            overlap_temperature=self._number(top, "overlap_temperature", least=1e-3),
            endpointing={name: self._end_point(modes, name) for name in ENDPOINTING_MODES},
            overlap=OverlapPoint(
                hold_p=self._p(overlap, "hold_p"),
                cut_p=self._p(overlap, "cut_p"),
                resume_p=self._p(overlap, "resume_p"),
            ),
            trained=self._text(top, "trained"),
            scores={key: self._number(scores, key) for key in scores},
        )

    def _end_point(self, modes: Mapping[str, object], name: str) -> EndpointingPoint:
        point = self._object(modes.get(name), f"endpointing.{name}")
        shortest_ms = self._number(point, "shortest_ms", least=0.0)
        return EndpointingPoint(
            end_p=self._p(point, "end_p"),
            shortest_ms=shortest_ms,
            longest_ms=self._number(point, "longest_ms", least=shortest_ms),
        )

    def _shape(self, shape: Mapping[str, object]) -> NetworkShape:
        features: list[tuple[str, int]] = []
        for pair in self._list(shape, "features"):
            if not isinstance(pair, list) or len(cast("list[object]", pair)) != 2:
                raise self._wrong("shape.features", f"must hold pairs, got {pair!r}")
            name, size = cast("list[object]", pair)
            features.append((str(name), self._count({"size": size}, "size")))
        return NetworkShape(
            features=tuple(features),
            sound_groups=tuple(str(name) for name in self._list(shape, "sound_groups")),
            sound_width=self._count(shape, "sound_width"),
            evidence_width=self._count(shape, "evidence_width"),
            hidden=self._count(shape, "hidden"),
            head_width=self._count(shape, "head_width"),
        )

    def _wrong(self, key: str, what: str) -> WeightsError:
        return WeightsError(f"{self._path}: {key}: {what}; {_AGAIN}")

    def _object(self, value: object, key: str) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self._wrong(key, f"must be an object, got {value!r}")
        return cast("dict[str, object]", value)

    def _list(self, holder: Mapping[str, object], key: str) -> list[object]:
        value = holder.get(key)
        if not isinstance(value, list):
            raise self._wrong(key, f"must be a list, got {value!r}")
        return cast("list[object]", value)

    def _text(self, holder: Mapping[str, object], key: str) -> str:
        value = holder.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, f"must be a text, got {value!r}")
        return value

    def _number(self, holder: Mapping[str, object], key: str, *, least: float = -math.inf) -> float:
        value = holder.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number) and number >= least:
                return number
        bound = f" of at least {least:g}" if math.isfinite(least) else ""
        raise self._wrong(key, f"must be a number{bound}, got {value!r}")

    def _count(self, holder: Mapping[str, object], key: str) -> int:
        value = holder.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._wrong(key, f"must be a whole number of at least 1, got {value!r}")
        return value

    def _p(self, holder: Mapping[str, object], key: str) -> float:
        value = self._number(holder, key, least=0.0)
        if value > 1.0:
            raise self._wrong(key, f"must be a probability, got {value!r}")
        return value

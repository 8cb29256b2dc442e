"""What is stored beside the duplex network's weights: its shape, inputs and operating points."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from model.duplex.policy import ENDPOINTING_MODES, EndpointingPoint, OverlapPoint
from model.errors import WeightsError
from model.files.records import Misfit, read_json
from model.files.whole_file import SHARED, write_atomically

FORMAT = 2
RESTORE = "restore the file or train again"

_Size = Annotated[int, Meta(ge=1)]
_Temperature = Annotated[float, Meta(ge=1e-3)]


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

    features: tuple[tuple[str, _Size], ...]
    sound_groups: tuple[str, ...]
    sound_width: _Size = 48
    evidence_width: _Size = 64
    hidden: _Size = 128
    head_width: _Size = 64

    @property
    def n_features(self) -> int:
        """Return the length of the input vector."""
        return sum(size for _, size in self.features)

    def columns(self, *, of_sound: bool) -> tuple[int, ...]:
        """Return the places of the spectra in the vector, or of the evidence."""
        chosen: list[int] = []
        begin = 0
        for name, size in self.features:
            if (name in self.sound_groups) == of_sound:
                chosen += range(begin, begin + size)
            begin += size
        return tuple(chosen)


@dataclass(frozen=True, slots=True)
class PredictorCard:
    """See the module.

    Attributes:
        features_hash: of the feature table that the weights were trained with.
        floor_temperature: divides the logits while the assistant is silent...
        overlap_temperature: ...and while it speaks.
        endpointing: an operating point for each endpointing mode.
        trained: the date.
        set_by: the split and command that set the operating points; see ``policy.py``.
        scores: on the validation speakers; for people, and to refuse worse weights.
    """

    features_hash: str
    shape: NetworkShape
    floor_temperature: _Temperature
    overlap_temperature: _Temperature
    endpointing: Mapping[str, EndpointingPoint]
    overlap: OverlapPoint
    trained: str = ""
    set_by: str = ""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise Misfit for another format, and for operating points that are none."""
        if self.format != FORMAT:
            raise Misfit("format", f"must be {FORMAT}, got {self.format}")
        overlap = self.overlap
        points = {f"overlap.{name}": p for name, p in asdict(overlap).items()}
        for mode in ENDPOINTING_MODES:
            key = f"endpointing.{mode}"
            if mode not in self.endpointing:
                raise Misfit(key, "is missing")
            point = self.endpointing[mode]
            points[f"{key}.end_p"] = point.end_p
            if not 0.0 <= point.shortest_ms <= point.longest_ms:
                least = max(point.shortest_ms, 0.0)
                what = f"must be a number of at least {least:g}, got {point.longest_ms:g}"
                raise Misfit(f"{key}.longest_ms", what)
        for key, p in points.items():
            if not 0.0 <= p <= 1.0:
                raise Misfit(key, f"must be a probability, got {p:g}")


def write_card(path: Path, card: PredictorCard) -> None:
    """Replace ``path`` at once."""
    write_atomically(path, json.dumps(asdict(card), indent=2) + "\n", mode=SHARED)


def read_card(path: Path) -> PredictorCard:
    """Read a card. Raises WeightsError with one line that names file, key and remedy."""
    return read_json(path, PredictorCard, WeightsError, remedy=RESTORE)

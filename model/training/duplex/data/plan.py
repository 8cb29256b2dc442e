"""Which scenes there will be: kinds by share, languages, splits, and a seed for each."""

from dataclasses import dataclass

import numpy as np

from model.training.duplex.data.conversation_scenes import SCENE_KINDS
from model.training.duplex.data.speakers import TRAIN, VALIDATION

MEAN_SCENE_S = 10.0
VALIDATION_SHARE = 0.12
_P_MANDARIN = 0.15
_GOLDEN = 0.618034  # spreads the validation scenes evenly over all kinds


@dataclass(frozen=True, slots=True)
class SceneOrder:
    """A scene to make; ``seed`` and ``number`` decide everything that is left to chance."""

    number: int
    kind: str
    language: str
    split: str
    seed: int

    @property
    def id(self) -> str:
        """The name of the clip."""
        return f"{self.kind}-{self.number:05d}-s{self.seed}"


def plan_scenes(
    minutes: float, seed: int, *, has_mandarin: bool, validation_share: float = VALIDATION_SHARE
) -> tuple[SceneOrder, ...]:
    """Plan about so many minutes; a plan of twice the minutes begins with the same scenes."""
    n_scenes = max(len(SCENE_KINDS), round(60.0 * minutes / MEAN_SCENE_S))
    total = sum(kind.share for kind in SCENE_KINDS.values())
    owed = dict.fromkeys(SCENE_KINDS, 0.0)
    orders: list[SceneOrder] = []
    for number in range(n_scenes):
        for name, kind in SCENE_KINDS.items():
            owed[name] += kind.share / total
        chosen = max(owed, key=lambda name: owed[name])
        owed[chosen] -= 1.0
        rng = np.random.default_rng([seed, number, 1])
        is_mandarin = has_mandarin and rng.random() < _P_MANDARIN
        is_validation = (number * _GOLDEN) % 1.0 < validation_share
        split = VALIDATION if is_validation else TRAIN
        orders.append(SceneOrder(number, chosen, "zh" if is_mandarin else "en", split, seed))
    return tuple(orders)

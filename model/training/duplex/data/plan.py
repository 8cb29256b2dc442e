"""Which scenes there will be: kinds by share, languages, splits, and a seed for each.

Knows how a scene is ordered, not how it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from model.training.duplex.data import conversation_scenes as floor_scenes
from model.training.duplex.data import conversation_scenes as overlap_scenes
from model.training.duplex.data.conversation_scenes import SceneContext
from model.training.duplex.data.scene import Scene
from model.training.duplex.data.speakers import TRAIN, VALIDATION

MEAN_SCENE_S = 10.0
VALIDATION_SHARE = 0.12
_P_MANDARIN = 0.15
_GOLDEN = 0.618034  # spreads the validation scenes evenly over all kinds

SceneMaker = Callable[[SceneContext, str, np.random.Generator], Scene]

SHARES: Mapping[str, tuple[float, SceneMaker]] = {
    "whole_turn": (9.0, floor_scenes.whole_turn),
    "paused_turn": (16.0, floor_scenes.paused_turn),
    "hesitant_turn": (5.0, floor_scenes.hesitant_turn),
    "listing_turn": (3.0, floor_scenes.listing_turn),
    "dictating_turn": (5.0, floor_scenes.dictating_turn),
    "correcting_turn": (3.0, floor_scenes.correcting_turn),
    "telling_turn": (4.0, floor_scenes.telling_turn),
    "truncated_turn": (9.0, floor_scenes.truncated_turn),
    "short_turn": (5.0, floor_scenes.short_turn),
    "sounds": (3.0, floor_scenes.sounds),
    "other_people": (3.0, floor_scenes.other_people),
    "echo_only": (4.0, overlap_scenes.echo_only),
    "interruption": (11.0, overlap_scenes.interruption),
    "yielded": (5.0, overlap_scenes.yielded),
    "backchannel": (11.0, overlap_scenes.backchannel),
    "acknowledged_demand": (4.0, overlap_scenes.acknowledged_demand),
    "noise_over_reply": (5.0, overlap_scenes.noise_over_reply),
    "others_over_reply": (3.0, overlap_scenes.others_over_reply),
    "resumed": (3.0, overlap_scenes.resumed),
}
"""Share of the scenes (they need not add up to anything) and who makes them."""


@dataclass(frozen=True, slots=True)
class SceneOrder:
    """One scene to make; ``seed`` and ``number`` decide everything that is left to chance."""

    number: int
    kind: str
    language: str
    split: str
    seed: int

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.number:05d}-s{self.seed}"

    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.number])

    def make(self, company: SceneContext) -> Scene:
        return SHARES[self.kind][1](company, self.language, self.rng())


def plan_scenes(
    minutes: float, seed: int, *, has_mandarin: bool, validation_share: float = VALIDATION_SHARE
) -> tuple[SceneOrder, ...]:
    """About so many minutes; the first half of a longer plan is the plan of half the minutes."""
    n_scenes = max(len(SHARES), round(60.0 * minutes / MEAN_SCENE_S))
    total = sum(share for share, _ in SHARES.values())
    owed = dict.fromkeys(SHARES, 0.0)
    orders: list[SceneOrder] = []
    for number in range(n_scenes):
        for kind, (share, _) in SHARES.items():
            owed[kind] += share / total
        kind = max(owed, key=lambda name: owed[name])
        owed[kind] -= 1.0
        rng = np.random.default_rng([seed, number, 1])
        is_mandarin = has_mandarin and rng.random() < _P_MANDARIN
        is_validation = (number * _GOLDEN) % 1.0 < validation_share
        split = VALIDATION if is_validation else TRAIN
        orders.append(SceneOrder(number, kind, "zh" if is_mandarin else "en", split, seed))
    return tuple(orders)

"""Spotter networks without training: of random weights, or deaf."""

import numpy as np

from model.duplex.spotter.card import SpotterCard, SpotterShape, SpotterThresholds
from model.duplex.spotter.network import Array, SpotterNetwork, weight_shapes
from model.duplex.spotter.vocabulary import CLASSES, NOTHING

TINY = SpotterShape(front_width=6, width=8, block_width=5, dilations=(1, 3, 2), head_width=7)
THRESHOLDS = SpotterThresholds(
    duck_p=0.5, stop_p=0.9, acknowledgement_p=0.5, voice_p=0.5, set_by="made up"
)


def tiny_card() -> SpotterCard:
    """Return a card of a network that runs in no time."""
    return SpotterCard(shape=TINY, thresholds=THRESHOLDS)


def random_weights(seed: int = 0) -> dict[str, Array]:
    """Return weights of ``tiny_card`` that let every output vary."""
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.normal(0.0, 0.4, sizes).astype(np.float32)
        for name, sizes in weight_shapes(TINY, len(CLASSES)).items()
    }
    weights["std"] = np.abs(weights["std"]) + np.float32(0.5)
    return weights


def random_spotter(seed: int = 0) -> SpotterNetwork:
    """Return a network that hears anything in anything."""
    return SpotterNetwork(tiny_card(), random_weights(seed))


def deaf_spotter() -> SpotterNetwork:
    """Return a network that never hears anything."""
    weights = {name: np.zeros_like(weight) for name, weight in random_weights().items()}
    weights["std"] += 1.0
    weights["output.bias"][[one.name for one in CLASSES].index(NOTHING)] = 12.0
    return SpotterNetwork(tiny_card(), weights)

"""Spotter networks without training: of random weights, or deaf."""

import numpy as np

from audio_io.frames import AudioFrame, Samples, Spotted, UserFrame, level_dbfs
from model.duplex.log_mel import FRAME
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


SECONDS = 3.0
N_FRAMES = round(SECONDS * 100)


def sounds(n_frames: int = N_FRAMES, seed: int = 0) -> Samples:
    """Return float32 (3, n): clean, near, far, with a rhythm."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, 0.05, (3, n_frames * FRAME))
    rhythm = np.repeat(rng.uniform(0.0, 1.0, (3, n_frames)), FRAME, axis=1)
    return (noise * rhythm).astype(np.float32)


def frames_of(heard: Samples, first_frame: int = 0) -> list[UserFrame]:
    """Return the frames of float32 (3, n)."""
    frames: list[UserFrame] = []
    for i in range(heard.shape[1] // FRAME):
        clean, near, far = (
            AudioFrame(heard[k, i * FRAME : (i + 1) * FRAME], (first_frame + i) * FRAME)
            for k in range(3)
        )
        frames.append(
            UserFrame(
                clean=clean, near=near, far=far, p_speech=0.0, is_speech=False,
                clean_dbfs=level_dbfs(clean.samples),
            )
        )  # fmt: skip
    return frames


def six(spotted: Spotted) -> list[float]:
    """Return the probabilities in the order of the groups."""
    return [
        spotted.p_stop, spotted.p_acknowledgement, spotted.p_answer, spotted.p_speech,
        spotted.p_echo, spotted.p_nothing,
    ]  # fmt: skip

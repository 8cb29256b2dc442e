"""People who speak in tones, so that scenes are made without weights or recordings."""

from __future__ import annotations

from model.duplex.lexicon import read_lexicons
from model.training.duplex.data.conversation_scenes import SceneContext
from model.training.duplex.data.performance import Performer
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.speaker_pool import SpeakerPool
from model.training.duplex.data.speech import ToneSpeech


def tone_pool(split: str = "train") -> SpeakerPool:
    return SpeakerPool(ToneSpeech(), (), split, (), ())


def tone_context(split: str = "train") -> SceneContext:
    pool = tone_pool(split)
    performer = Performer(pool, read_lexicons()["en"])
    return SceneContext(pool, performer, SoundStock((), split))

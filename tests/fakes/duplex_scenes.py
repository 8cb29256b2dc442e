"""A company that speaks in tones, so that scenes are made without weights or recordings."""

from __future__ import annotations

from model.duplex.lexicon import read_lexicons
from model.training.duplex.data.casting import SpeakerPool
from model.training.duplex.data.conversation_scenes import SceneContext
from model.training.duplex.data.performance import Performer
from model.training.duplex.data.recordings import Recordings
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.speech import ToneSpeech


def tone_cast(split: str = "train") -> SpeakerPool:
    return SpeakerPool(ToneSpeech(), Recordings(()), split, (), ())


def tone_company(split: str = "train") -> SceneContext:
    cast = tone_cast(split)
    performer = Performer(cast, read_lexicons()["en"])
    return SceneContext(cast, performer, SoundStock(Recordings(()), split))

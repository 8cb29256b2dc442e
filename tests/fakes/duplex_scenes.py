"""A company that speaks in tones, so that scenes are made without weights or recordings."""

from __future__ import annotations

from model.duplex.lexicon import read_lexicons
from model.training.duplex.cast import Cast
from model.training.duplex.floor_scenes import Company
from model.training.duplex.performance import Performer
from model.training.duplex.recordings import Recordings
from model.training.duplex.room import SoundStock
from model.training.duplex.tone_speech import ToneSpeech


def tone_cast(split: str = "train") -> Cast:
    return Cast(ToneSpeech(), Recordings(()), split, (), ())


def tone_company(split: str = "train") -> Company:
    cast = tone_cast(split)
    performer = Performer(cast, read_lexicons()["en"])
    return Company(cast, performer, SoundStock(Recordings(()), split))

"""What SenseVoice says about an utterance beside its words: language, emotion, kind of sound.

The answers stand where the first three queries stood. That the published weights answer like this
inside VITA-Audio, which never used these answers, is not verified.

Source: SenseVoice-Small, rich transcription: <|language|><|emotion|><|event|><|normalisation|>.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import torch
from google.protobuf.message import DecodeError
from torch import Tensor, nn
from transformers.convert_slow_tokenizer import import_protobuf

from audio_io.frames import Samples
from model.errors import WeightsError
from model.vita_audio.sense_voice.encoder import N_QUERIES, SenseVoice

NAMES_FILE = "chn_jpn_yue_eng_ko_spectok.bpe.model"
# The query that is called "event" is answered with the emotion, and the other way round.
_LANGUAGE_POSITION, _EMOTION_POSITION, _EVENT_POSITION = range(3)
N_POSITIONS = 3


class SpokenLanguage(StrEnum):
    """The languages that it tells apart; values are the names of the tokens."""

    MANDARIN = "zh"
    ENGLISH = "en"
    CANTONESE = "yue"
    JAPANESE = "ja"
    KOREAN = "ko"
    NO_SPEECH = "nospeech"


class Emotion(StrEnum):
    """The moods that it tells apart; values are the names of the tokens."""

    NEUTRAL = "NEUTRAL"
    HAPPY = "HAPPY"
    SAD = "SAD"
    ANGRY = "ANGRY"
    FEARFUL = "FEARFUL"
    DISGUSTED = "DISGUSTED"
    SURPRISED = "SURPRISED"
    UNKNOWN = "EMO_UNKNOWN"


class SoundEvent(StrEnum):
    """The kinds of sound that it tells apart; values are the names of the tokens."""

    SPEECH = "Speech"
    MUSIC = "BGM"
    APPLAUSE = "Applause"
    LAUGHTER = "Laughter"
    CRYING = "Cry"
    SNEEZE = "Sneeze"
    BREATH = "Breath"
    COUGH = "Cough"
    SINGING = "Sing"
    NOISE = "Speech_Noise"
    UNKNOWN = "Event_UNK"


# Ids that funasr's source states for the published vocabulary; it states none of events.
_DOCUMENTED_IDS = {
    "<|zh|>": 24_884,
    "<|en|>": 24_885,
    "<|yue|>": 24_888,
    "<|ja|>": 24_892,
    "<|ko|>": 24_896,
    "<|nospeech|>": 24_992,
    "<|HAPPY|>": 25_001,
    "<|SAD|>": 25_002,
    "<|ANGRY|>": 25_003,
    "<|NEUTRAL|>": 25_004,
    "<|EMO_UNKNOWN|>": 25_009,
}

_SURE = 0.5  # probability; below it another answer may be as good
_FEELINGS = {
    Emotion.HAPPY: "The user sounds happy.",
    Emotion.SAD: "The user sounds sad.",
    Emotion.ANGRY: "The user sounds angry.",
    Emotion.FEARFUL: "The user sounds afraid.",
    Emotion.DISGUSTED: "The user sounds disgusted.",
    Emotion.SURPRISED: "The user sounds surprised.",
}
_SOUNDS = {
    SoundEvent.MUSIC: "Music is playing.",
    SoundEvent.APPLAUSE: "There is applause.",
    SoundEvent.LAUGHTER: "The user is laughing.",
    SoundEvent.CRYING: "The user is crying.",
    SoundEvent.SNEEZE: "The user sneezed.",
    SoundEvent.COUGH: "The user coughed.",
    SoundEvent.SINGING: "Somebody is singing.",
}

Tag = TypeVar("Tag", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class SpeechTags:
    """How something was said.

    Attributes:
        p_language, p_emotion, p_event: the network's probability of the answer, among all tokens;
            0 where the vocabulary has no names for such answers.
    """

    language: SpokenLanguage
    p_language: float
    emotion: Emotion
    p_emotion: float
    event: SoundEvent
    p_event: float

    def note(self) -> str:
        """Return what is remarkable, in words for a prompt; "" if nothing is, or it is not sure.

        VITA-Audio was not trained on such notes.
        """
        feeling = _FEELINGS.get(self.emotion, "") if self.p_emotion >= _SURE else ""
        sound = _SOUNDS.get(self.event, "") if self.p_event >= _SURE else ""
        return " ".join(filter(None, (feeling, sound)))


class TagReader:
    """Reads tags from the scores of the first positions.

    Args:
        ids: ids of tokens by name, "<|zh|>".
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._languages = _ids_of(SpokenLanguage, ids)
        self._emotions = _ids_of(Emotion, ids)
        self._events = _ids_of(SoundEvent, ids)

    @classmethod
    def from_directory(cls, directory: Path, n_tokens: int) -> TagReader:
        """Read the names of tokens where the directory has them; else take funasr's ids.

        Args:
            n_tokens: entries of the CTC head.

        Raises:
            WeightsError: the file is damaged or belongs to another network.
        """
        path = directory / NAMES_FILE
        if not path.is_file():
            return cls({name: id_ for name, id_ in _DOCUMENTED_IDS.items() if id_ < n_tokens})
        names = read_token_names(path)
        if len(names) != n_tokens:
            raise WeightsError(
                f"{path}: names {len(names)} tokens, the weights have {n_tokens}; they are of "
                "different models, download both again"
            )
        return cls({name: id_ for id_, name in enumerate(names)})

    def read(self, scores: Tensor) -> SpeechTags:
        """Return the tags of ``scores``: log probabilities (3 or more, n_tokens)."""
        p = scores[:N_POSITIONS].float().exp().cpu()
        language, p_language = _best(
            p[_LANGUAGE_POSITION], self._languages, SpokenLanguage.NO_SPEECH
        )
        emotion, p_emotion = _best(p[_EMOTION_POSITION], self._emotions, Emotion.UNKNOWN)
        event, p_event = _best(p[_EVENT_POSITION], self._events, SoundEvent.UNKNOWN)
        return SpeechTags(language, p_language, emotion, p_emotion, event, p_event)


class TaggingEncoder:
    """The acoustic branch of a Plus model, which tells besides how the user spoke.

    Attributes:
        tags: of what was encoded last; None before.
    """

    def __init__(self, encoder: SenseVoice, projection: nn.Module, reader: TagReader) -> None:
        self._encoder = encoder
        self._projection = projection
        self._reader = reader
        self.tags: SpeechTags | None = None
        self._encoded: tuple[Samples, Tensor] | None = None

    @torch.inference_mode()
    def encode(self, features: Samples) -> Tensor:
        """Return embeddings (t + 4, hidden) of the language model for ``features`` (t, 560).

        The same array is encoded once.
        """
        if self._encoded is not None and self._encoded[0] is features:
            return self._encoded[1]
        device = self._encoder.embed.weight.device
        states = self._encoder(torch.from_numpy(features).to(device))
        self.tags = self._reader.read(self._encoder.token_scores(states[:N_QUERIES]))
        self._encoded = (features, self._projection(states))
        return self._encoded[1]


def read_token_names(path: Path) -> tuple[str, ...]:
    """Return the pieces of a SentencePiece file in the order of their ids.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        sentencepiece: Any = import_protobuf()
        pieces = sentencepiece.ModelProto.FromString(path.read_bytes()).pieces
        names = tuple(piece.piece for piece in pieces)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error}; download the model again") from error
    except (DecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path}: is no SentencePiece model ({error})") from error
    if not names or not all(piece.HasField("piece") for piece in pieces):
        raise WeightsError(f"{path}: is no SentencePiece model (pieces or their names are missing)")
    return names


def _ids_of(tags: type[Tag], ids: Mapping[str, int]) -> dict[Tag, int]:
    return {tag: ids[name] for tag in tags if (name := f"<|{tag.value}|>") in ids}


def _best(p: Tensor, ids: Mapping[Tag, int], default: Tag) -> tuple[Tag, float]:
    """The most probable of some tags; every other token is no answer to the question."""
    if not ids:
        return default, 0.0
    tag = max(ids, key=lambda tag: float(p[ids[tag]]))
    return tag, float(p[ids[tag]])

"""Reads a scripted conversation from TOML; everything wrong with it is found before it runs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from app.messages.errors import BadInputError
from model.files.records import Misfit, read_toml


class Label(StrEnum):
    """What an utterance truly is; ground truth for scoring."""

    QUESTION = "question"
    PAUSE = "pause"  # the user is not finished: more of the same turn follows
    BACKCHANNEL = "backchannel"
    INTERRUPTION = "interruption"
    NOISE = "noise"
    STOP = "stop"


class Cue(StrEnum):
    """What an utterance may wait for."""

    READY = "ready"
    ASSISTANT_STARTED = "assistant_speech_started"
    ASSISTANT_ENDED = "assistant_speech_ended"
    USER_ENDED = "user_speech_ended"


class RoomPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The room of a scene; see ``audio_io.virtual_room.RoomSettings`` for the meaning of each.

    ``impulse_response`` and ``noise`` name sound files, "" for none.
    """

    impulse_response: str = ""
    echo_db: Annotated[float, msgspec.Meta(ge=-90.0, le=20.0)] | None = None
    delay_ms: Annotated[float, msgspec.Meta(ge=0.0, le=2000.0)] = 80.0
    drift_ppm: Annotated[float, msgspec.Meta(ge=-1000.0, le=1000.0)] = 0.0
    clip_at: Annotated[float, msgspec.Meta(ge=0.01, le=1.0)] | None = None
    delay_jump_ms: Annotated[float, msgspec.Meta(ge=0.0, le=500.0)] = 0.0
    delay_jump_every_s: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = 0.0
    noise: str = ""
    snr_db: Annotated[float, msgspec.Meta(ge=-20.0, le=100.0)] = 20.0


class Utterance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing the user does.

    Attributes:
        wav: a recording; or else ``text``, to be synthesized with ``voice``.
        at_s: absolute start, or None when it waits for ``after``.
        delay_s: after the cue.
        patience_s: quiet after which it is said though its cue never came; None: never.
    """

    label: Label = Label.QUESTION
    wav: str = ""
    text: str = ""
    voice: str = ""
    at_s: Annotated[float, msgspec.Meta(ge=0.0, le=36_000.0)] | None = None
    after: Cue | None = None
    delay_s: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = 0.0
    patience_s: Annotated[float, msgspec.Meta(ge=0.5, le=600.0)] | None = None

    def __post_init__(self) -> None:
        """Check what the keys say together."""
        if bool(self.wav) == bool(self.text):
            raise Misfit("wav", "exactly one of wav and text says what is spoken", "give one")
        if self.voice and not self.text:
            raise Misfit("voice", "a recording has its own voice", "remove voice, or use text")
        if (self.at_s is None) == (self.after is None):
            raise Misfit("at_s", "exactly one of at_s and after says when", "give one of them")
        if self.delay_s and self.after is None:
            raise Misfit("delay_s", "only counts from an event", "use after, or add it to at_s")
        if self.patience_s is not None and self.after is None:
            raise Misfit("patience_s", "only an event is waited for", "use after, or remove it")


class EndPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a scene is over: after so much silence, or at the latest."""

    after_silence_s: Annotated[float, msgspec.Meta(ge=0.1, le=600.0)] = 3.0
    at_most_s: Annotated[float, msgspec.Meta(ge=0.5, le=36_000.0)] = 60.0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    room: RoomPlan = RoomPlan()
    user: tuple[Utterance, ...] = ()
    end: EndPlan = EndPlan()

    def __post_init__(self) -> None:
        limit_s = self.end.at_most_s
        for i, user in enumerate(self.user):
            if user.at_s is not None and user.at_s >= limit_s:
                what = f"{user.at_s} s is not before the end of the scene ({limit_s} s)"
                raise Misfit(f"user[{i}].at_s", what, "start it earlier or raise end.at_most_s")
        if self.user and self.user[0].after is Cue.USER_ENDED:
            what = "nobody has spoken before the first utterance"
            raise Misfit("user[0].after", what, 'use at_s, or after = "ready"')


class Scene(msgspec.Struct, frozen=True):
    """A scripted conversation; ``path`` is the file it was read from."""

    name: str
    path: Path
    room: RoomPlan = RoomPlan()
    users: tuple[Utterance, ...] = ()
    end: EndPlan = EndPlan()

    def file(self, name: str) -> Path:
        """Return the path of a file that the scene names."""
        return self.path.parent / name


def read_scene(path: Path) -> Scene:
    """Read a scene. Raises BadInputError, one line with the file, the key and the remedy."""
    read = read_toml(path, _File, BadInputError.of_record)
    scene = Scene(path.stem, path, read.room, read.user, read.end)
    room = {"room.impulse_response": read.room.impulse_response, "room.noise": read.room.noise}
    named = {**room, **{f"user[{i}].wav": user.wav for i, user in enumerate(read.user)}}
    for key, name in named.items():
        if name and not scene.file(name).is_file():
            what = f"there is no file {scene.file(name)}"
            raise BadInputError(path, key, what, "it is relative to the scene: check it")
    return scene

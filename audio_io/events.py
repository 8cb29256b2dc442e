"""What the signal plane reports: events in the past tense, times on the microphone's clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The segmenter entered SPEAKING.

    Attributes:
        onset_s: where the speech began (earlier than the decision).
        at_s: when it was decided.
    """

    onset_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The segmenter left SPEAKING.

    Attributes:
        offset_s: where the speech ended (earlier than the decision).
        at_s: when it was decided.
    """

    offset_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first audible sample of a reply left the loudspeaker at ``at_s`` (latency included)."""

    generation: int
    at_s: float


@dataclass(frozen=True, slots=True)
class PlayoutReport:
    """What was really heard of a reply.

    Attributes:
        generation: whose audio it was.
        heard_samples: samples of the reply (at the reply's own rate) that left the loudspeaker.
        heard_text_end: offset into the reply's text after the last word heard.
        was_cut: the reply had more to say.
        is_estimate: the device gave no trustworthy latency.
        last_audible_s: when its last sample left the loudspeaker.
    """

    generation: int
    heard_samples: int
    heard_text_end: int
    was_cut: bool
    is_estimate: bool
    last_audible_s: float


@dataclass(frozen=True, slots=True)
class PlaybackProgressed:
    """The word now being heard ends at ``heard_text_end`` of the reply's text."""

    generation: int
    heard_text_end: int
    at_s: float


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """A reply is over: finished, or faded and flushed. Sent exactly once per audible reply."""

    report: PlayoutReport
    at_s: float


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """A stream stopped calling back. ``which`` is "microphone" or "loudspeaker"."""

    which: str
    message: str


@dataclass(frozen=True, slots=True)
class DeviceReturned:
    """Streams run again after a loss, on ``name``, ``gap_s`` seconds later."""

    name: str
    gap_s: float


AudioEvent = (
    SpeechStarted
    | SpeechEnded
    | PlaybackStarted
    | PlaybackProgressed
    | PlaybackEnded
    | DeviceLost
    | DeviceReturned
)

"""The user of a scripted conversation: says each line when its cue comes, knows when to end.

Where speech truly begins and ends is measured on whole recordings, by energy, so that no running
detector grades itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.dialogue.events import DialogueEvent, ModelReady, PlaybackEnded, PlaybackStarted
from app.dialogue.state import DialogueState, Phase
from app.scenes.scene_file import Cue, Label, Scene, Utterance
from audio_io.frames import ENGINE_RATE_HZ, Samples

_FRAME = ENGINE_RATE_HZ // 100
_ABOVE_FLOOR_DB = 12.0  # speech stands out of the recording's own noise by this much at least
_BELOW_ACTIVE_DB = 30.0  # quietest part of a word relative to the loud parts
_ABSOLUTE_DBFS = -60.0
_MIN_RUN = 3  # frames; a click is no speech
AUDIBLE_DBFS = -55.0  # a loudspeaker below this is silent in any room
_SOON_S = 0.02  # a cue that has passed is followed at the next block


def frame_levels(samples: Samples) -> np.ndarray:
    """Return the level of each 10 ms in dBFS, float64 (n // 160,)."""
    n = len(samples) // _FRAME
    frames = samples[: n * _FRAME].astype(np.float64).reshape(n, _FRAME)
    return 10.0 * np.log10(np.maximum(np.mean(frames**2, axis=1), 1e-12))


def speech_bounds(samples: Samples) -> tuple[float, float]:
    """Return where speech begins and ends in a clean recording, in s; all of it when unsure."""
    levels = frame_levels(samples)
    if not len(levels):
        return 0.0, 0.0
    floor = float(np.percentile(levels, 5))
    active = float(np.percentile(levels, 95))
    threshold = max(min(floor + _ABOVE_FLOOR_DB, active - 10.0), active - _BELOW_ACTIVE_DB)
    is_speech = levels > max(threshold, _ABSOLUTE_DBFS)
    long_runs = [run for run in _runs(is_speech) if run[1] - run[0] >= _MIN_RUN]
    if not long_runs:
        return 0.0, len(samples) / ENGINE_RATE_HZ
    return long_runs[0][0] / 100.0, long_runs[-1][1] / 100.0


def audible_runs(loudspeaker: Samples) -> list[tuple[float, float]]:
    """Return the stretches (start_s, end_s) in which the loudspeaker is heard, 10 ms exact."""
    is_audible = frame_levels(loudspeaker) > AUDIBLE_DBFS
    return [(begin / 100.0, end / 100.0) for begin, end in _runs(is_audible)]


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """An utterance with its sound: 16 kHz mono, and where the speech in it truly is."""

    utterance: Utterance
    samples: Samples
    starts_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """What was said when, on the microphone's clock, by ground truth."""

    index: int
    utterance: Utterance
    begin_s: float
    true_start_s: float
    true_end_s: float


def line_of(utterance: Utterance, samples: Samples) -> Line:
    """Return a line whose speech was measured in ``samples``."""
    starts_s, ends_s = speech_bounds(samples)
    return Line(utterance, samples, starts_s, ends_s)


class UserSimulator:
    """Says each line when its cue comes.

    An assistant's cue is the first such event after the end of the previous line, so that the end
    of a reply which that line cut off is none. After a backchannel or a noise it is the first since
    its start, or the start of the reply that goes on.

    Attributes:
        spoken: lines said so far, in order.
        is_over: nothing more will happen.
    """

    def __init__(
        self,
        scene: Scene,
        lines: tuple[Line, ...],
        say: Callable[[Samples, float], tuple[float, float]],
        record: Callable[..., None],
    ) -> None:
        self.spoken: list[SpokenLine] = []
        self.is_over = False
        self._scene = scene
        self._lines = lines
        self._say = say
        self._record = record
        self._cues: list[tuple[Cue, float]] = []
        self._quiet_since_s = 0.0
        self._is_ready = False

    def on_event(self, event: DialogueEvent, now_s: float) -> None:
        """Remember what may be a cue."""
        match event:
            case ModelReady():
                self._is_ready = True
                self._cues.append((Cue.READY, now_s))
            case PlaybackStarted(at_s=at_s):
                self._cues.append((Cue.ASSISTANT_STARTED, at_s))
            case PlaybackEnded(report=report):
                if report.heard_samples:
                    self._cues.append((Cue.ASSISTANT_ENDED, report.last_audible_s))
            case _:
                pass

    def on_tick(self, now_s: float, state: DialogueState) -> None:
        """Say what is due; end the scene when it has been quiet long enough."""
        if self._is_ready:
            self._speak_due(now_s)
        speaking_until_s = max((line.true_end_s for line in self.spoken), default=0.0)
        is_resting = state.phase is Phase.LISTENING and not state.owes_reply
        is_busy = not is_resting or now_s < speaking_until_s or self._is_expecting
        if is_busy:
            self._quiet_since_s = now_s
        end = self._scene.end
        is_quiet = now_s - self._quiet_since_s >= end.after_silence_s
        self.is_over = is_quiet or now_s >= end.at_most_s

    @property
    def _is_expecting(self) -> bool:
        """A line with a time of its own is still to come."""
        n = len(self.spoken)
        return n < len(self._lines) and self._lines[n].utterance.at_s is not None

    def _speak_due(self, now_s: float) -> None:
        while len(self.spoken) < len(self._lines):
            line = self._lines[len(self.spoken)]
            at_s = self._time_of(line.utterance)
            if at_s is None and self._is_out_of_patience(line.utterance, now_s):
                at_s = now_s
            if at_s is None:
                return
            self._speak(line, max(at_s, now_s + _SOON_S))

    def _is_out_of_patience(self, utterance: Utterance, now_s: float) -> bool:
        patience_s = utterance.patience_s
        return patience_s is not None and now_s - self._quiet_since_s >= patience_s

    def _time_of(self, utterance: Utterance) -> float | None:
        if utterance.at_s is not None:
            return utterance.at_s
        previous = self.spoken[-1] if self.spoken else None
        if utterance.after is Cue.USER_ENDED:
            return None if previous is None else previous.true_end_s + utterance.delay_s
        times = [at_s for cue, at_s in self._cues if cue is utterance.after]
        if previous is None or utterance.after is Cue.READY:
            return times[0] + utterance.delay_s if times else None
        is_harmless = previous.utterance.label in (Label.BACKCHANNEL, Label.NOISE)
        since_s = previous.true_start_s if is_harmless else previous.true_end_s
        later = [at_s for at_s in times if at_s > since_s]
        if later:
            return max(later[0] + utterance.delay_s, previous.true_end_s)
        if is_harmless and utterance.after is Cue.ASSISTANT_STARTED and times:
            return max(times[-1] + utterance.delay_s, previous.true_end_s)
        return None

    def _speak(self, line: Line, at_s: float) -> None:
        begin_s, _ = self._say(line.samples, at_s)
        spoken = SpokenLine(
            index=len(self.spoken),
            utterance=line.utterance,
            begin_s=begin_s,
            true_start_s=begin_s + line.starts_s,
            true_end_s=begin_s + line.ends_s,
        )
        self.spoken.append(spoken)
        label = line.utterance.label.value
        for event, t_s in (
            ("user_speech_started", spoken.true_start_s),
            ("user_speech_ended", spoken.true_end_s),
        ):
            self._record(event, t_s, source="truth", label=label, line=spoken.index)

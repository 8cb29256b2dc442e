"""What the assistant did about each utterance of a scene, measured on the recording itself.

Times of the loudspeaker come from its recorded samples; whose they are, from the timeline.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from app.scene_director import SpokenLine
from app.scene_file import Label
from app.speech_truth import audible_runs
from app.timeline import Entry
from audio_io.frames import Samples

_ANSWER_WITHIN_S = 15.0  # a reply that begins later answers something else
_CUT_WITHIN_S = 2.0  # after the end of an interruption, a cut is no longer its merit
_BLAME_BEFORE_S = 0.1  # detection may lead the measured onset a little
_BLAME_AFTER_S = 1.5  # an overlap is decided within this after its sound
_GAP_S = 0.35  # pauses between words of one reply


@dataclass(frozen=True, slots=True)
class TurnScore:
    """One utterance; fields are None where they have no meaning for its label."""

    label: str
    start_s: float
    end_s: float
    did: str
    response_latency_ms: float | None
    stop_latency_ms: float | None
    false_stop: bool
    cut_off: bool
    missed: bool
    was_paused: bool
    transcript: str
    heard_text: str


@dataclass(frozen=True, slots=True)
class SceneScore:
    turns: tuple[TurnScore, ...]
    self_interruptions: int
    self_replies: int
    false_pauses: int
    assistant_speech_s: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class SceneScorer:
    """Scores one finished scene."""

    def __init__(
        self, lines: tuple[SpokenLine, ...], timeline: tuple[Entry, ...], loudspeaker: Samples
    ) -> None:
        self._lines = lines
        self._timeline = timeline
        self._runs = audible_runs(loudspeaker)

    def score(self) -> SceneScore:
        turns = tuple(self._turn(i) for i in range(len(self._lines)))
        cuts = self._times("interrupted")
        holds = self._times("held")
        resumes = self._times("resumed")
        return SceneScore(
            turns=turns,
            self_interruptions=sum(not self._is_near_user(at_s) for at_s in cuts),
            self_replies=sum(not self._is_near_user(at_s, 6.0) for at_s in self._reply_starts()),
            false_pauses=sum(
                any(hold <= at_s < hold + _BLAME_AFTER_S for hold in holds) for at_s in resumes
            ),
            assistant_speech_s=sum(end - begin for begin, end in self._runs),
        )

    # -- one utterance -------------------------------------------------------------------------

    def _turn(self, i: int) -> TurnScore:
        line = self._lines[i]
        label = line.utterance.label
        was_speaking = self._was_speaking_at(line.true_start_s)
        cut_s = self._cut_by(line) if was_speaking else None
        answer_s = self._answer_to(i)
        is_order = label in (Label.INTERRUPTION, Label.STOP)
        is_harmless = label in (Label.BACKCHANNEL, Label.NOISE)
        return TurnScore(
            label=label.value,
            start_s=round(line.true_start_s, 3),
            end_s=round(line.true_end_s, 3),
            did=self._did(line, was_speaking, cut_s, answer_s),
            response_latency_ms=_ms(answer_s, line.true_end_s)
            if label in (Label.QUESTION, Label.INTERRUPTION)
            else None,
            stop_latency_ms=self._stop_latency_ms(line, cut_s) if is_order else None,
            false_stop=is_harmless and cut_s is not None,
            cut_off=self._is_cut_off(i),
            missed=is_order and was_speaking and cut_s is None,
            was_paused=self._has_between("held", line.true_start_s, line.true_end_s),
            transcript=self._transcript(i),
            heard_text=self._heard_text(answer_s),
        )

    def _did(
        self, line: SpokenLine, was_speaking: bool, cut_s: float | None, answer_s: float | None
    ) -> str:
        begin_s, end_s = line.true_start_s, line.true_end_s
        if was_speaking:
            if cut_s is not None:
                return "stopped_and_answered" if answer_s is not None else "stopped"
            if self._has_between("resumed", begin_s, end_s):
                return "ducked_and_resumed"
            return "went_on"
        return "answered" if answer_s is not None else "kept_quiet"

    def _cut_by(self, line: SpokenLine) -> float | None:
        """When the decision to stop fell that this utterance caused."""
        limit_s = line.true_end_s + _CUT_WITHIN_S
        begin_s = line.true_start_s - _BLAME_BEFORE_S
        return next((t for t in self._times("interrupted") if begin_s <= t < limit_s), None)

    def _stop_latency_ms(self, line: SpokenLine, cut_s: float | None) -> float | None:
        """From the true start to the end of the last audible sample of the reply that was cut."""
        if cut_s is None:
            return None
        ended = [
            entry
            for entry in self._timeline
            if entry["event"] == "assistant_speech_ended" and _t(entry) <= cut_s + 1.0
            and entry.get("was_cut")
        ]  # fmt: skip
        limit_s = max([cut_s, *(_t(entry) for entry in ended if _t(entry) > line.true_start_s)])
        last_s = max((end for begin, end in self._runs if begin <= limit_s + 0.02), default=None)
        return None if last_s is None else round(max(0.0, 1000.0 * (last_s - line.true_start_s)), 1)

    def _answer_to(self, i: int) -> float | None:
        """First audible sample of a reply that began after it and before the next one."""
        line = self._lines[i]
        next_s = self._lines[i + 1].true_start_s if i + 1 < len(self._lines) else float("inf")
        limit_s = min(next_s, line.true_end_s + _ANSWER_WITHIN_S)
        starts = self._reply_starts()
        found = next((t for t in starts if line.true_start_s < t < limit_s), None)
        return None if found is None else self._first_audible(found)

    def _is_cut_off(self, i: int) -> bool:
        """The assistant began to speak before the user had finished."""
        line = self._lines[i]
        until_s = line.true_end_s
        if line.utterance.label is Label.PAUSE and i + 1 < len(self._lines):
            until_s = self._lines[i + 1].true_end_s
        return any(
            line.true_start_s + _BLAME_BEFORE_S < self._first_audible(t) < until_s
            for t in self._reply_starts()
        )

    # -- the recording -------------------------------------------------------------------------

    def _first_audible(self, about_s: float) -> float:
        """The audible onset nearest to what the engine reported."""
        near = [begin for begin, end in self._runs if end > about_s - 0.05]
        return near[0] if near and near[0] < about_s + 1.0 else about_s

    def _was_speaking_at(self, at_s: float) -> bool:
        return any(begin - _GAP_S <= at_s <= end + _GAP_S for begin, end in self._spans())

    def _spans(self) -> list[tuple[float, float]]:
        """From start to end of each reply, by the timeline."""
        spans: list[tuple[float, float]] = []
        begin_s: float | None = None
        for entry in self._timeline:
            if entry["event"] == "assistant_speech_started":
                begin_s = _t(entry)
            elif entry["event"] == "assistant_speech_ended" and begin_s is not None:
                spans.append((begin_s, _t(entry)))
                begin_s = None
        if begin_s is not None:
            spans.append((begin_s, float("inf")))
        return spans

    # -- the timeline --------------------------------------------------------------------------

    def _times(self, event: str) -> list[float]:
        return [_t(entry) for entry in self._timeline if entry["event"] == event]

    def _reply_starts(self) -> list[float]:
        return self._times("assistant_speech_started")

    def _has_between(self, event: str, begin_s: float, end_s: float) -> bool:
        return any(
            begin_s - _BLAME_BEFORE_S <= t <= end_s + _BLAME_AFTER_S for t in self._times(event)
        )

    def _is_near_user(self, at_s: float, after_s: float = _BLAME_AFTER_S) -> bool:
        return any(
            line.true_start_s - _BLAME_BEFORE_S <= at_s <= line.true_end_s + after_s
            for line in self._lines
        )

    def _transcript(self, i: int) -> str:
        line = self._lines[i]
        next_s = self._lines[i + 1].true_end_s if i + 1 < len(self._lines) else float("inf")
        texts = [
            str(entry["text"] or "")
            for entry in self._timeline
            if entry["event"] == "transcript_final" and line.true_end_s - 0.3 <= _t(entry) < next_s
        ]
        return texts[0] if texts else ""

    def _heard_text(self, answer_s: float | None) -> str:
        if answer_s is None:
            return ""
        for entry in self._timeline:
            if entry["event"] == "assistant_speech_ended" and _t(entry) > answer_s:
                return str(entry.get("heard_text", ""))
        return ""


def _t(entry: Entry) -> float:
    value = entry["t_s"]
    return float(value) if isinstance(value, int | float) else 0.0


def _ms(at_s: float | None, from_s: float) -> float | None:
    return None if at_s is None else round(1000.0 * (at_s - from_s), 1)

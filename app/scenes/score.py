"""What the assistant did about each utterance of a scene, measured on the recording itself.

Times of the loudspeaker come from its recorded samples; whose they are, from the timeline.
"""

from dataclasses import asdict, dataclass
from typing import Any

from app.dialogue.causes import DecisionKind
from app.dialogue.timeline import Entry
from app.scenes.scene_file import Label
from app.scenes.user_script import SpokenLine, audible_runs
from audio_io.frames import Samples

_ANSWER_WITHIN_S = 15.0  # a reply that begins later answers something else
_CUT_WITHIN_S = 2.0  # after the end of an interruption, a cut is no longer its merit
_BLAME_BEFORE_S = 0.1  # detection may lead the measured onset a little
_BLAME_AFTER_S = 1.5  # an overlap is decided within this after its sound
_OVER_ANYWAY_S = 1.0  # a reply that ends by itself this soon was not worth stopping
_NEVER = float("inf")
_HARMLESS = (Label.BACKCHANNEL, Label.NOISE)


@dataclass(frozen=True, slots=True)
class _HeardSpan:
    """When a reply was heard; ``begin_s`` is its audible onset in the recording."""

    begin_s: float
    end_s: float
    heard_text: str


@dataclass(frozen=True, slots=True)
class TurnScore:
    """What was done about one utterance; None where that has no meaning for its label."""

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
    """What a scene is judged by: its utterances, and what nobody asked the assistant to do."""

    turns: tuple[TurnScore, ...]
    self_interruptions: int
    self_replies: int
    false_pauses: int
    assistant_speech_s: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON."""
        return asdict(self)


class SceneScorer:
    """Scores one finished scene."""

    def __init__(
        self, lines: tuple[SpokenLine, ...], timeline: tuple[Entry, ...], loudspeaker: Samples
    ) -> None:
        self._lines = lines
        self._timeline = timeline
        self._runs = audible_runs(loudspeaker)
        self._replies = self._find_replies()
        self._cuts = self._times(DecisionKind.INTERRUPTED)

    def score(self) -> SceneScore:
        """Return the score of the whole scene."""
        return SceneScore(
            turns=tuple(self._turn(i) for i in range(len(self._lines))),
            self_interruptions=sum(not self._has_user_reason(at_s) for at_s in self._cuts),
            self_replies=sum(self._is_self_reply(reply) for reply in self._replies),
            false_pauses=self._n_resumed_holds(),
            assistant_speech_s=round(sum(end - begin for begin, end in self._runs), 3),
        )

    def _turn(self, i: int) -> TurnScore:
        line = self._lines[i]
        label = line.utterance.label
        over = self._reply_at(line.true_start_s)
        cut_s = self._cut_by(i) if over is not None else None
        answer = self._answer_to(i)
        is_order = label in (Label.INTERRUPTION, Label.STOP)
        wants_answer = label in (Label.QUESTION, Label.INTERRUPTION)
        return TurnScore(
            label=label.value,
            start_s=round(line.true_start_s, 3),
            end_s=round(line.true_end_s, 3),
            did=self._did(line, over, cut_s, answer),
            response_latency_ms=_ms(answer.begin_s, line.true_end_s)
            if answer and wants_answer
            else None,
            stop_latency_ms=self._stop_latency_ms(line, cut_s) if is_order else None,
            false_stop=label in _HARMLESS and cut_s is not None,
            cut_off=self._is_cut_off(i),
            missed=is_order
            and cut_s is None
            and over is not None
            and over.end_s > line.true_start_s + _OVER_ANYWAY_S,
            was_paused=self._has_about(DecisionKind.HELD, line),
            transcript=self._transcript(i),
            heard_text=answer.heard_text if answer else "",
        )

    def _did(
        self,
        line: SpokenLine,
        over: _HeardSpan | None,
        cut_s: float | None,
        answer: _HeardSpan | None,
    ) -> str:
        if over is None:
            return "answered" if answer else "kept_quiet"
        if cut_s is not None:
            return "stopped_and_answered" if answer else "stopped"
        if over.end_s < line.true_end_s and answer:
            return "finished_and_answered"
        return "ducked_and_resumed" if self._has_about(DecisionKind.RESUMED, line) else "went_on"

    def _cut_by(self, i: int) -> float | None:
        """When the decision to stop fell that this utterance caused."""
        line = self._lines[i]
        limit_s = min(line.true_end_s + _CUT_WITHIN_S, self._next_start_s(i, harmless_too=True))
        begin_s = line.true_start_s - _BLAME_BEFORE_S
        return next((t for t in self._cuts if begin_s <= t < limit_s), None)

    def _stop_latency_ms(self, line: SpokenLine, cut_s: float | None) -> float | None:
        """From the true start to the end of the last audible sample of the reply that was cut.

        None where the reply was silent between two sentences anyway: there was nothing to stop.
        """
        if cut_s is None:
            return None
        next_reply_s = min((r.begin_s for r in self._replies if r.begin_s > cut_s), default=_NEVER)
        last_s = max((end for begin, end in self._runs if begin < next_reply_s), default=0.0)
        return _ms(last_s, line.true_start_s) if last_s > line.true_start_s else None

    def _answer_to(self, i: int) -> _HeardSpan | None:
        """The first reply that began after its end and before the next thing to be answered."""
        line = self._lines[i]
        limit_s = min(self._next_start_s(i), line.true_end_s + _ANSWER_WITHIN_S)
        begin_s = line.true_end_s - _BLAME_BEFORE_S
        return next((r for r in self._replies if begin_s < r.begin_s < limit_s), None)

    def _is_cut_off(self, i: int) -> bool:
        """The assistant began to speak before the user had finished."""
        line = self._lines[i]
        if line.utterance.label in _HARMLESS:
            return False  # nobody owes it silence
        until_s = line.true_end_s - _BLAME_BEFORE_S
        if line.utterance.label is Label.PAUSE:
            until_s = self._next_start_s(i)  # from there on it is the next one's
        from_s = line.true_start_s + _BLAME_BEFORE_S
        return any(from_s < reply.begin_s < until_s for reply in self._replies)

    def _next_start_s(self, i: int, *, harmless_too: bool = False) -> float:
        later = (
            line.true_start_s
            for line in self._lines[i + 1 :]
            if harmless_too or line.utterance.label not in _HARMLESS
        )
        return next(later, _NEVER)

    def _has_user_reason(self, cut_s: float) -> bool:
        """Somebody made a sound over the very reply that was cut."""
        before = next((r for r in reversed(self._replies) if r.begin_s <= cut_s), None)
        reply = self._reply_at(cut_s) or before
        return any(
            line.true_start_s - _BLAME_BEFORE_S <= cut_s <= line.true_end_s + _BLAME_AFTER_S
            and (reply is None or line.true_end_s > reply.begin_s)
            for line in self._lines
        )

    def _is_self_reply(self, reply: _HeardSpan) -> bool:
        """It follows no utterance, or one that was answered already."""
        asked = [line for line in self._lines if line.true_start_s < reply.begin_s]
        if not asked or reply.begin_s > asked[-1].true_end_s + _ANSWER_WITHIN_S:
            return True
        since_s = asked[-1].true_end_s - _BLAME_BEFORE_S
        return any(since_s < other.begin_s < reply.begin_s for other in self._replies)

    def _n_resumed_holds(self) -> int:
        """Pauses of the loudspeaker that turned out to be for nothing."""
        ends = (DecisionKind.RESUMED, DecisionKind.INTERRUPTED, "assistant_speech_started")
        n, is_held = 0, False
        for event in (entry["event"] for entry in self._timeline):
            n += is_held and event == DecisionKind.RESUMED
            is_held = event == DecisionKind.HELD or (is_held and event not in ends)
        return n

    def _find_replies(self) -> tuple[_HeardSpan, ...]:
        """By generation; a reply that has not ended goes on for ever."""
        ends = {
            entry.get("generation"): entry
            for entry in self._timeline
            if entry["event"] == "assistant_speech_ended"
        }
        found: list[_HeardSpan] = []
        for entry in self._timeline:
            if entry["event"] == "assistant_speech_started":
                end = ends.get(entry.get("generation"))
                end_s = _NEVER if end is None else _t(end)
                heard = "" if end is None else str(end.get("heard_text", ""))
                found.append(_HeardSpan(self._first_audible(_t(entry)), end_s, heard))
        return tuple(found)

    def _first_audible(self, about_s: float) -> float:
        """The audible onset nearest to what the engine reported."""
        near = [begin for begin, end in self._runs if end > about_s - 0.05]
        return near[0] if near and near[0] < about_s + 1.0 else about_s

    def _reply_at(self, at_s: float) -> _HeardSpan | None:
        """The reply the listener is in the middle of."""
        return next((r for r in self._replies if r.begin_s <= at_s <= r.end_s), None)

    def _times(self, event: str) -> list[float]:
        return [_t(entry) for entry in self._timeline if entry["event"] == event]

    def _has_about(self, event: str, line: SpokenLine) -> bool:
        begin_s, end_s = line.true_start_s - _BLAME_BEFORE_S, line.true_end_s + _BLAME_AFTER_S
        return any(begin_s <= t <= end_s for t in self._times(event))

    def _transcript(self, i: int) -> str:
        """The last words of the turn that were written before anything else was said."""
        line = self._lines[i]
        next_s = self._next_start_s(i, harmless_too=True)
        texts = [
            str(entry["text"] or "")
            for entry in self._timeline
            if entry["event"] == "transcript_final" and line.true_start_s < _t(entry) < next_s + 0.2
        ]
        return texts[-1] if texts else ""


def _t(entry: Entry) -> float:
    value = entry["t_s"]
    return float(value) if isinstance(value, int | float) else 0.0


def _ms(at_s: float, from_s: float) -> float:
    return round(1000.0 * (at_s - from_s), 1)

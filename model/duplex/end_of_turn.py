"""Has the user finished? Sound, words and silence weighed into one probability and one deadline.

Does not know what the assistant is doing; the predictor asks only while the user has the floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples
from model.duplex.smart_turn import N_WINDOW, TurnClassifier
from model.duplex.text_evidence import TextEvidence, TextJudge
from model.interfaces import UserState

MS = 1000.0
LEAD_S = 0.5  # audio kept from before the first voice: the network was trained with it
LOGIT_CLIP = 0.01  # keeps one overconfident opinion from deciding alone


@dataclass(frozen=True, slots=True)
class EndOfTurnSettings:
    """When a pause is the end.

    Attributes:
        min_wait_ms: silence before even a certain end is taken. Pauses inside fluent speech are
            mostly shorter than 450 ms; a reply is prepared meanwhile anyway.
        max_wait_ms: silence after which a turn ends however unfinished it sounds.
        certain_p: evidence from which the shortest wait applies.
        unlikely_p: evidence below which the longest wait applies.
        acoustic_weight: trust in the sound; below 1 because it calls fluent speech that was cut off
            "finished". It shrinks the more the words say.
        text_weight: trust in the words.
        ask_after_ms: silences at which the sound is judged; the opinions of a pause are averaged.
        text_lag_ms: a transcript that ends this much before the last voice still covers it.
        text_grace_ms: added to the wait while a transcript is being written but is not there yet.
        voice_p: voice probability that counts as voice.
        fade_p: voice goes on while the probability stays above this.
        min_level_dbfs: quieter frames are silence.
        min_voice_ms: less voice than this opens no turn (a click, a cough).
    """

    min_wait_ms: float = 500.0
    max_wait_ms: float = 2500.0
    certain_p: float = 0.80
    unlikely_p: float = 0.15
    acoustic_weight: float = 0.6
    text_weight: float = 1.2
    ask_after_ms: tuple[float, ...] = (200.0, 450.0, 900.0)
    text_lag_ms: float = 200.0
    text_grace_ms: float = 150.0
    voice_p: float = 0.5
    fade_p: float = 0.35
    min_level_dbfs: float = -60.0
    min_voice_ms: float = 96.0


EAGER = EndOfTurnSettings(min_wait_ms=350.0, max_wait_ms=1600.0, ask_after_ms=(200.0, 450.0))
BALANCED = EndOfTurnSettings()
PATIENT = EndOfTurnSettings(min_wait_ms=800.0, max_wait_ms=3000.0)
PACES = {"eager": EAGER, "balanced": BALANCED, "patient": PATIENT}


def logit(p: float) -> float:
    clipped = min(max(p, LOGIT_CLIP), 1.0 - LOGIT_CLIP)
    return math.log(clipped / (1.0 - clipped))


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def p_complete(settings: EndOfTurnSettings, p_sound: float, text_score: float) -> float:
    """Both opinions as one, 0.5 from either says nothing; the sound counts where words do not."""
    doubt = 1.0 - abs(2.0 * text_score - 1.0)
    from_sound = settings.acoustic_weight * doubt * logit(p_sound)
    return sigmoid(from_sound + settings.text_weight * logit(text_score))


def wait_ms(settings: EndOfTurnSettings, p: float) -> float:
    """Silence to wait for: geometric between the shortest and the longest."""
    span = settings.certain_p - settings.unlikely_p
    doubt = min(max((settings.certain_p - p) / span, 0.0), 1.0)
    return float(settings.min_wait_ms * (settings.max_wait_ms / settings.min_wait_ms) ** doubt)


def p_end_of_turn(silence_ms: float, wait: float) -> float:
    """0.5 exactly when the silence reaches the wait; rises with silence and with evidence."""
    return 0.0 if silence_ms <= 0.0 else float(0.5 ** (wait / silence_ms))


class TurnAudio:
    """The open turn's sound: from half a second before its first voice, at most the last 8 s."""

    def __init__(self) -> None:
        self._samples = np.zeros(2 * N_WINDOW, np.float32)
        self._n = 0
        self._begin = 0

    def push(self, samples: Samples) -> None:
        if self._n + len(samples) > len(self._samples):
            kept = N_WINDOW
            self._samples[:kept] = self._samples[self._n - kept : self._n]
            self._begin = max(0, self._begin - (self._n - kept))
            self._n = kept
        self._samples[self._n : self._n + len(samples)] = samples
        self._n += len(samples)

    def begin_turn(self) -> None:
        """The first voice was just pushed."""
        self._begin = max(0, self._n - int(LEAD_S * ENGINE_RATE_HZ))

    def turn(self) -> Samples:
        """A view, valid until the next push."""
        return self._samples[max(self._begin, self._n - N_WINDOW) : self._n]


@dataclass(slots=True)
class _Turn:
    voice_ms: float = 0.0
    last_voice_s: float = 0.0
    is_fading: bool = False  # last frame was voice
    opinions: list[float] = field(default_factory=list[float])  # of this pause
    n_asked: int = 0


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """What is known of the open turn now."""

    silence_ms: float
    wait_ms: float
    p_end_of_turn: float
    reason: str


class EndOfTurnJudge:
    """Follows one user turn after the other.

    ``classifier`` None: words and silence decide alone.
    """

    def __init__(
        self,
        classifier: TurnClassifier | None,
        text_judge: TextJudge,
        settings: EndOfTurnSettings = BALANCED,
    ) -> None:
        self.settings = settings
        self._classifier = classifier
        self._text_judge = text_judge
        self._audio = TurnAudio()
        self._turn: _Turn | None = None
        self._judged_text: tuple[str, TextEvidence] = ("", text_judge.judge(""))
        self.last_inference_s = 0.0

    def reset(self) -> None:
        """The next voice opens a new turn. The sound before it stays as its lead."""
        self._turn = None
        self.last_inference_s = 0.0

    @property
    def is_open(self) -> bool:
        """Somebody spoke long enough to owe them an answer."""
        return self._turn is not None and self._turn.voice_ms >= self.settings.min_voice_ms

    def hear(self, user: UserState) -> None:
        """Follows voice and silence; cheap."""
        self.last_inference_s = 0.0
        frame = user.frame
        self._audio.push(frame.samples)
        settings, turn = self.settings, self._turn
        floor_p = settings.fade_p if turn is not None and turn.is_fading else settings.voice_p
        is_voice = user.p_speech >= floor_p and user.clean_dbfs >= settings.min_level_dbfs
        if not is_voice:
            if turn is not None:
                turn.is_fading = turn.is_fading and user.p_speech >= settings.fade_p
            return
        if turn is None:
            self._audio.begin_turn()
            turn = self._turn = _Turn()
        self._count_voice(turn, frame)

    def _count_voice(self, turn: _Turn, frame: AudioFrame) -> None:
        turn.voice_ms += MS * (frame.end_s - frame.start_s)
        turn.last_voice_s = frame.end_s
        turn.is_fading = True
        turn.opinions.clear()
        turn.n_asked = 0

    def verdict(self, user: UserState) -> TurnVerdict | None:
        """None while no turn is open. May run the network (about 0.06 s on one core)."""
        turn = self._turn
        if turn is None or not self.is_open:
            return None
        silence_ms = MS * (user.frame.end_s - turn.last_voice_s)
        self._ask(turn, silence_ms)
        text, is_late = self._text_evidence(turn, user)
        settings = self.settings
        p_sound = 0.5
        if turn.opinions:
            p_sound = sigmoid(sum(logit(p) for p in turn.opinions) / len(turn.opinions))
        wait = wait_ms(settings, p_complete(settings, p_sound, text.score))
        if is_late:
            wait = min(wait + settings.text_grace_ms, settings.max_wait_ms)
        return TurnVerdict(
            silence_ms=silence_ms,
            wait_ms=wait,
            p_end_of_turn=p_end_of_turn(silence_ms, wait),
            reason=self._reason(turn, p_sound, text),
        )

    def _ask(self, turn: _Turn, silence_ms: float) -> None:
        due = sum(silence_ms >= after - 1e-6 for after in self.settings.ask_after_ms)
        if self._classifier is None or due <= turn.n_asked:
            return
        turn.n_asked = due
        turn.opinions.append(self._classifier.p_complete(self._audio.turn()))
        self.last_inference_s = self._classifier.last_inference_s

    def _text_evidence(self, turn: _Turn, user: UserState) -> tuple[TextEvidence, bool]:
        """Evidence of a transcript that covers the last voice, and whether one is still coming."""
        if not user.partial_text:
            return self._text_judge.judge(""), False
        if user.partial_at_s < turn.last_voice_s - self.settings.text_lag_ms / MS:
            return self._text_judge.judge(""), True
        if self._judged_text[0] != user.partial_text:
            self._judged_text = (user.partial_text, self._text_judge.judge(user.partial_text))
        return self._judged_text[1], False

    def _reason(self, turn: _Turn, p_sound: float, text: TextEvidence) -> str:
        sound = f"sounds {p_sound:.0%} finished" if turn.opinions else "sound not judged"
        return f"{sound}; {text.reason}"

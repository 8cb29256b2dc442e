"""Is there a voice in this frame that is not the loudspeaker's, and how long has it lasted?

Follows the residual echo, the user's turn and speech over the reply, by the numbers of ``policy``.
"""

import math
from dataclasses import dataclass, field

from audio_io.frames import UserFrame
from model.duplex import policy
from model.types import AgentState

MS = 1000.0
SILENT_DBFS = -120.0


class ResidualEcho:
    """The level above which sound is more than residual echo, learnt while the far end plays."""

    def __init__(self) -> None:
        self._echo_power = 0.0
        self._n_echo_frames = 0
        self._far_dbfs = SILENT_DBFS
        self._since_far_ms = math.inf

    @property
    def is_expected(self) -> bool:
        """Return whether the far end sounds, or its echo may still arrive."""
        return self._since_far_ms <= policy.ECHO_TAIL_MS

    def gate_dbfs(self, *, has_converged: bool) -> float:
        """Return the level that a user's voice must reach, in dBFS."""
        gate = policy.VOICE_DBFS
        if not self.is_expected:
            return gate
        if self._echo_power > 0.0:
            gate = max(gate, 10.0 * math.log10(self._echo_power * policy.ECHO_FACTOR**2))
        gate = max(gate, self._far_dbfs - policy.FAR_MARGIN_DB)
        return gate if has_converged else gate + policy.UNCONVERGED_DB

    def follow_far(self, far_dbfs: float, frame_ms: float) -> None:
        """Follow the loudest far end of the last moments: its echo may arrive 0.2 s later."""
        decay_db = frame_ms / policy.ECHO_TAIL_MS * 10.0
        self._far_dbfs = max(far_dbfs, self._far_dbfs - decay_db)
        is_active = far_dbfs > policy.FAR_ACTIVE_DBFS
        self._since_far_ms = 0.0 if is_active else self._since_far_ms + frame_ms

    def learn(self, clean_dbfs: float, frame_ms: float) -> None:
        """Learn from a frame without a user, which is echo while the far end is active."""
        if not self.is_expected:
            return
        clean_dbfs = min(clean_dbfs, self._far_dbfs - policy.LEAST_ECHO_LOSS_DB)
        self._n_echo_frames += 1
        exact = 0.5 ** (frame_ms / policy.ECHO_HALF_LIFE_MS)
        keep = min(exact, 1.0 - 1.0 / self._n_echo_frames)  # a plain mean at first
        self._echo_power = keep * self._echo_power + (1.0 - keep) * 10.0 ** (clean_dbfs / 10.0)


class WarmUp:
    """The first seconds, in which what sounds like a user may be the reply's own echo.

    Protects the reply until the canceller has converged, but not for ever.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start over for another stream, perhaps in another room."""
        self._spoken_ms = 0.0
        self._has_converged = False

    def hear(self, *, is_agent_speaking: bool, has_converged: bool, frame_ms: float) -> None:
        """Take a frame."""
        self._has_converged = has_converged
        if is_agent_speaking:
            self._spoken_ms += frame_ms

    @property
    def is_protected(self) -> bool:
        """Return whether a voice may still be an echo."""
        return not self._has_converged and self._spoken_ms <= policy.WARM_UP_MS

    def lets_through(self, margin_db: float, *, has_words: bool) -> bool:
        """Return whether a voice ``margin_db`` above the level gate may stop the reply now."""
        return not self.is_protected or has_words or margin_db >= policy.WARM_UP_LOUDER_DB


@dataclass(slots=True)
class Stretch:
    """Voice with gaps in it: a turn, or speech over the reply.

    Attributes:
        voice_ms: voice in it, gaps left out.
        run_ms: the latest run of voice.
        gap_ms: the silence before that run.
        pauses_ms: silences inside it that fluent speech does not have.
    """

    onset_s: float
    last_voice_s: float
    voice_ms: float = 0.0
    run_ms: float = 0.0
    gap_ms: float = 0.0
    pauses_ms: list[float] = field(default_factory=list[float])

    def silence_ms(self, now_s: float) -> float:
        """Return the time since the latest voice."""
        return max(0.0, MS * (now_s - self.last_voice_s))

    @property
    def span_ms(self) -> float:
        """Return the time from the first voice to the latest."""
        return MS * (self.last_voice_s - self.onset_s)

    def add_voice(self, start_s: float, end_s: float) -> None:
        """Add a frame of voice."""
        gap_ms = self.silence_ms(start_s)
        if gap_ms > 0.5:  # half a millisecond: frames that touch leave no gap
            self.gap_ms, self.run_ms = gap_ms, 0.0
            if gap_ms >= policy.PAUSE_MS:
                self.pauses_ms.append(gap_ms)
        self.voice_ms += MS * (end_s - start_s)
        self.run_ms += MS * (end_s - start_s)
        self.last_voice_s = end_s


class VoiceTracker:
    """Follows the user through turns and overlaps.

    Attributes:
        is_voice: the latest frame is the user's voice.
        margin_db: how far above the echo the latest frame is.
        speaking_ms: how long the assistant has been speaking; 0 while it is silent.
        silent_ms: how long it has been silent; None before it spoke.
        overlap: voice over the reply, and the moments after it.
    """

    def __init__(self, let_go_ms: float = policy.OVERLAP_WORDS_MS) -> None:
        """Take the quiet after which a voice over the reply is forgotten."""
        self._let_go_ms = let_go_ms
        self.restart()

    def restart(self) -> None:
        """Start over for another stream: nothing is known of the room either."""
        self._echo = ResidualEcho()
        self._peak_dbfs = SILENT_DBFS
        self._turn: Stretch | None = None
        self.overlap: Stretch | None = None
        self.is_voice = False
        self.margin_db = 0.0
        self.speaking_ms = 0.0
        self.silent_ms: float | None = None

    def forget(self) -> None:
        """Let the next voice open a new turn; what is known of the room's echo stays."""
        self._turn = None
        self.overlap = None

    @property
    def turn(self) -> Stretch | None:
        """Return the turn of somebody who spoke long enough to be owed an answer."""
        turn = self._turn
        return turn if turn is not None and turn.voice_ms >= policy.MIN_VOICE_MS else None

    @property
    def sound(self) -> Stretch | None:
        """Return the same from its first frame on."""
        return self._turn

    def hear(self, user: UserFrame, agent: AgentState) -> None:
        """Take 10 ms."""
        frame_ms = MS * (user.clean.end_s - user.clean.start_s)
        self._note_agent(agent, frame_ms)
        self.is_voice = self._has_voice(user, frame_ms)
        now_s = user.clean.end_s
        if not self.is_voice and self.overlap is None:
            self._echo.learn(user.clean_dbfs, frame_ms)
        self._follow_overlap(user, agent)
        self._follow_turn(user)
        if agent.is_speaking and self.overlap is None:
            self._turn = None  # it is being answered, or was no more than a sound
        elif self._turn is not None and self._turn.silence_ms(now_s) > policy.TURN_OVER_MS:
            self._turn = None

    def _note_agent(self, agent: AgentState, frame_ms: float) -> None:
        if not agent.is_speaking:
            if self.speaking_ms > 0.0:
                self.overlap = None
                self.silent_ms = 0.0
            self.speaking_ms = 0.0
            if self.silent_ms is not None:
                self.silent_ms += frame_ms
            return
        if self.speaking_ms <= 0.0:
            self._turn = None
        self.speaking_ms += frame_ms

    def _has_voice(self, user: UserFrame, frame_ms: float) -> bool:
        self._echo.follow_far(user.far_dbfs, frame_ms)
        # a voice is not louder than its echo in every 10 ms: a peak that falls 1 dB a frame
        self._peak_dbfs = max(user.clean_dbfs, self._peak_dbfs - frame_ms / 10.0)
        gate_dbfs = self._echo.gate_dbfs(has_converged=user.aec_has_converged)
        self.margin_db = self._peak_dbfs - gate_dbfs
        floor_p = policy.FADE_P if self.is_voice else policy.VOICE_P
        if user.spotted is not None and self._echo.is_expected:
            # It tells a soft voice from a loud echo, which levels cannot.
            return user.spotted.p_voice >= floor_p
        return user.p_speech >= floor_p and self.margin_db >= 0.0

    def _follow_turn(self, user: UserFrame) -> None:
        if not self.is_voice:
            return
        start_s, end_s = user.clean.start_s, user.clean.end_s
        if self._turn is None:
            self._turn = Stretch(start_s, start_s)
        self._turn.add_voice(start_s, end_s)

    def _follow_overlap(self, user: UserFrame, agent: AgentState) -> None:
        overlap = self.overlap
        start_s, end_s = user.clean.start_s, user.clean.end_s
        if not self.is_voice:
            is_over = overlap is not None and overlap.silence_ms(end_s) >= self._wait_ms(overlap)
            self.overlap = None if is_over else overlap
            return
        if not agent.is_speaking:
            return
        if overlap is None or overlap.silence_ms(start_s) >= policy.OVERLAP_END_MS:
            overlap = self.overlap = Stretch(start_s, start_s)
        overlap.add_voice(start_s, end_s)

    def _wait_ms(self, overlap: Stretch) -> float:
        """A mere sound is forgotten once its verdict was told: a frame later."""
        is_voice = overlap.voice_ms >= policy.MIN_VOICE_MS
        return (self._let_go_ms if is_voice else policy.OVERLAP_GAP_MS) + 10.0

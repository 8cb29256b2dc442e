"""Is there a voice in this frame that is not the loudspeaker's? And how long has it lasted?

Follows the residual echo, the user's turn and speech over the assistant. Judges nothing: knows
neither words nor thresholds of a decision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from audio_io.frames import UserFrame
from model.types import AgentState

MS = 1000.0
SILENT_DBFS = -120.0


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What counts as the user's voice.

    Attributes:
        voice_p: voice probability that counts as voice.
        fade_p: voice goes on while the probability stays above this.
        min_level_dbfs: quieter frames are silence.
        min_voice_ms: less voice than this opens no turn (a click, a cough) and is noise in overlap.
        turn_over_ms: silence after which the next voice opens another turn.
        pause_ms: shorter silences belong to fluent speech.
        gap_ms: quiet after which a mere sound over the assistant is over.
        overlap_end_ms: quiet after which the next voice is another overlap.
        word_wait_ms: quiet after which an overlap with voice is over; its words come till then.
        echo_factor: how far above the mean residual echo a voice must be (amplitude).
        echo_half_life_ms: of that mean.
        far_margin_db: a voice must be louder than the loudspeaker's signal less this; the residual
            of a distorting loudspeaker stays below.
        far_active_dbfs: the loudspeaker is playing.
        least_loss_db: residual echo is at least this much below the loudspeaker's signal; louder
            sound is somebody, and teaches nothing about echo.
        echo_tail_ms: how long its echo is still around: device delay and reverberation.
        unconverged_db: added to the level gate while the canceller has not converged.
    """

    voice_p: float = 0.5
    fade_p: float = 0.35
    min_level_dbfs: float = -60.0
    min_voice_ms: float = 96.0
    turn_over_ms: float = 5000.0
    pause_ms: float = 200.0
    gap_ms: float = 160.0
    overlap_end_ms: float = 320.0
    word_wait_ms: float = 480.0
    echo_factor: float = 2.0
    echo_half_life_ms: float = 400.0
    far_margin_db: float = 20.0
    far_active_dbfs: float = -50.0
    least_loss_db: float = 20.0
    echo_tail_ms: float = 400.0
    unconverged_db: float = 6.0


class ResidualEcho:
    """Level above which sound is more than residual echo; follows it while the far end plays."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._settings = settings
        self._echo_power = 0.0
        self._n_echo_frames = 0
        self._far_dbfs = SILENT_DBFS
        self._since_far_ms = math.inf

    def gate_dbfs(self, *, has_converged: bool) -> float:
        settings = self._settings
        gate = settings.min_level_dbfs
        if self._since_far_ms > settings.echo_tail_ms:
            return gate
        if self._echo_power > 0.0:
            gate = max(gate, 10.0 * math.log10(self._echo_power * settings.echo_factor**2))
        gate = max(gate, self._far_dbfs - settings.far_margin_db)
        return gate if has_converged else gate + settings.unconverged_db

    def follow_far(self, far_dbfs: float, frame_ms: float) -> None:
        """The loudest far end of the last moments: its echo may arrive 0.2 s later."""
        decay_db = frame_ms / self._settings.echo_tail_ms * 10.0
        self._far_dbfs = max(far_dbfs, self._far_dbfs - decay_db)
        is_active = far_dbfs > self._settings.far_active_dbfs
        self._since_far_ms = 0.0 if is_active else self._since_far_ms + frame_ms

    def learn(self, clean_dbfs: float, frame_ms: float) -> None:
        """This frame holds no user; while the far end is active it is residual echo."""
        if self._since_far_ms > self._settings.echo_tail_ms:
            return
        clean_dbfs = min(clean_dbfs, self._far_dbfs - self._settings.least_loss_db)
        self._n_echo_frames += 1
        exact = 0.5 ** (frame_ms / self._settings.echo_half_life_ms)
        keep = min(exact, 1.0 - 1.0 / self._n_echo_frames)  # a plain mean at first
        self._echo_power = keep * self._echo_power + (1.0 - keep) * 10.0 ** (clean_dbfs / 10.0)


@dataclass(slots=True)
class Stretch:
    """Voice with gaps in it: a turn, or speech over the assistant.

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
        return max(0.0, MS * (now_s - self.last_voice_s))

    @property
    def span_ms(self) -> float:
        """From the first voice to the latest."""
        return MS * (self.last_voice_s - self.onset_s)

    def add_voice(self, start_s: float, end_s: float, pause_ms: float) -> None:
        gap_ms = self.silence_ms(start_s)
        if gap_ms > 0.5:  # half a millisecond: frames that touch leave no gap
            self.gap_ms, self.run_ms = gap_ms, 0.0
            if gap_ms >= pause_ms:
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
    """

    def __init__(self, settings: VoiceSettings | None = None) -> None:
        self.settings = settings or VoiceSettings()
        self.restart()

    def restart(self) -> None:
        """Another stream: nothing is known of the room either."""
        self._echo = ResidualEcho(self.settings)
        self._peak_dbfs = SILENT_DBFS
        self._turn: Stretch | None = None
        self._overlap: Stretch | None = None
        self.is_voice = False
        self.margin_db = 0.0
        self.speaking_ms = 0.0
        self.silent_ms: float | None = None

    def forget(self) -> None:
        """The next voice opens a new turn; what is known of the room's echo stays."""
        self._turn = None
        self._overlap = None

    @property
    def turn(self) -> Stretch | None:
        """Somebody spoke long enough to owe them an answer."""
        turn = self._turn
        return turn if turn is not None and turn.voice_ms >= self.settings.min_voice_ms else None

    @property
    def sound(self) -> Stretch | None:
        """Like ``turn``, from its first frame on."""
        return self._turn

    @property
    def overlap(self) -> Stretch | None:
        """Voice over the assistant's, and the moments after it."""
        return self._overlap

    def hear(self, user: UserFrame, agent: AgentState) -> None:
        """Takes 10 ms."""
        frame_ms = MS * (user.clean.end_s - user.clean.start_s)
        self._note_agent(agent, frame_ms)
        self.is_voice = self._has_voice(user, frame_ms)
        now_s = user.clean.end_s
        if not self.is_voice and self._overlap is None:
            self._echo.learn(user.clean_dbfs, frame_ms)
        self._follow_overlap(user, agent)
        self._follow_turn(user)
        if agent.is_speaking and self._overlap is None:
            self._turn = None  # it is being answered, or was no more than a sound
        elif self._turn is not None and self._turn.silence_ms(now_s) > self.settings.turn_over_ms:
            self._turn = None

    def _note_agent(self, agent: AgentState, frame_ms: float) -> None:
        if not agent.is_speaking:
            if self.speaking_ms > 0.0:
                self._overlap = None
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
        floor_p = self.settings.fade_p if self.is_voice else self.settings.voice_p
        return user.p_speech >= floor_p and self.margin_db >= 0.0

    def _follow_turn(self, user: UserFrame) -> None:
        if not self.is_voice:
            return
        start_s, end_s = user.clean.start_s, user.clean.end_s
        if self._turn is None:
            self._turn = Stretch(start_s, start_s)
        self._turn.add_voice(start_s, end_s, self.settings.pause_ms)

    def _follow_overlap(self, user: UserFrame, agent: AgentState) -> None:
        overlap, settings = self._overlap, self.settings
        start_s, end_s = user.clean.start_s, user.clean.end_s
        if not self.is_voice:
            is_over = overlap is not None and overlap.silence_ms(end_s) >= self._wait_ms(overlap)
            self._overlap = None if is_over else overlap
            return
        if not agent.is_speaking:
            return
        if overlap is None or overlap.silence_ms(start_s) >= settings.overlap_end_ms:
            overlap = self._overlap = Stretch(start_s, start_s)
        overlap.add_voice(start_s, end_s, settings.pause_ms)

    def _wait_ms(self, overlap: Stretch) -> float:
        """A mere sound is forgotten once it was judged (a frame later, so that it is told)."""
        settings = self.settings
        is_voice = overlap.voice_ms >= settings.min_voice_ms
        return (settings.word_wait_ms if is_voice else settings.gap_ms) + 10.0

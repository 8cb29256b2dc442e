"""The user makes a sound while the assistant speaks: interruption, backchannel or noise?

Judges by how long and how loud the voice is against the residual echo, and by recognised words.
Does not stop anything; its probabilities rise with the evidence and the controller acts on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from model.duplex.lexicon import Lexicon, has_stop_word, is_backchannel, of_text, tokens
from model.interfaces import AgentState, UserState

MS = 1000.0
SILENT_DBFS = -120.0


@dataclass(frozen=True, slots=True)
class OverlapSettings:
    """What counts as a voice in the way, and how much of it as an interruption.

    Attributes:
        hold_p: p_interruption from which the reply should be held (paused).
        cut_p: p_interruption from which it should be cut; the judge is sure.
        resume_p: p_backchannel or p_noise from which a held reply should go on.
        voice_p: voice probability that counts as voice.
        fade_p: voice goes on while the probability stays above this.
        hold_ms: voice that makes ``hold_p``: four windows of the detector; less comes from clicks
            and residual echo.
        cut_ms: time from the first voice to the latest that makes ``cut_p`` once there are words
            that are no backchannel.
        wordless_cut_ms: the same while there are none, or only one, which may be misheard.
            Backchannels are mostly shorter (median 0.4 s), a wish to speak goes on.
        voiced_share: of that time at least; two coughs are no sentence.
        backchannel_cut_ms: the same once the words so far are backchannels ("yeah, yeah, yeah").
        gap_ms: quiet after which the voice was short.
        end_ms: quiet after which the next voice is another overlap.
        word_wait_ms: quiet after which short voice without known words is taken for a backchannel;
            its words, on their way till then, may say otherwise.
        noise_ms: less voice than this is noise.
        word_ms: a stop word is trusted from this much audio on; less gives guesses.
        backchannel_word_ms: the same for backchannels, which only buy time.
        min_level_dbfs: quieter residuals are silence.
        echo_factor: how far above the mean residual echo a voice must be (amplitude).
        echo_half_life_ms: of that mean.
        far_margin_db: a voice must be louder than the loudspeaker's signal less this; the residual
            of a distorting loudspeaker stays below.
        far_active_dbfs: the loudspeaker is playing.
        least_loss_db: residual echo is at least this much below the loudspeaker's signal; louder
            sound is somebody, and teaches nothing about echo.
        echo_tail_ms: how long its echo is still around: device delay and reverberation.
        unconverged_db: added to the level gate while the canceller has not converged.
        unconverged_factor: on ``hold_ms`` and ``cut_ms``, likewise.
    """

    hold_p: float = 0.5
    cut_p: float = 0.8
    resume_p: float = 0.6
    voice_p: float = 0.5
    fade_p: float = 0.35
    hold_ms: float = 128.0
    cut_ms: float = 430.0
    wordless_cut_ms: float = 550.0
    voiced_share: float = 0.75
    backchannel_cut_ms: float = 1200.0
    gap_ms: float = 160.0
    end_ms: float = 320.0
    word_wait_ms: float = 480.0
    noise_ms: float = 96.0
    word_ms: float = 250.0
    backchannel_word_ms: float = 96.0
    min_level_dbfs: float = -60.0
    echo_factor: float = 2.0
    echo_half_life_ms: float = 400.0
    far_margin_db: float = 20.0
    far_active_dbfs: float = -50.0
    least_loss_db: float = 20.0
    echo_tail_ms: float = 400.0
    unconverged_db: float = 6.0
    unconverged_factor: float = 1.25


class EchoGate:
    """Level above which sound is more than residual echo; follows it while the far end plays."""

    def __init__(self, settings: OverlapSettings) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        self._echo_power = 0.0
        self._n_echo_frames = 0
        self._far_dbfs = SILENT_DBFS
        self._since_far_ms = math.inf

    def dbfs(self, *, has_converged: bool) -> float:
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


@dataclass(frozen=True, slots=True)
class OverlapVerdict:
    """Probabilities of what the overlap is; their sum is at most 1."""

    p_interruption: float
    p_backchannel: float
    p_noise: float
    is_stop_word: bool
    reason: str


_SHORT_SO_FAR = OverlapVerdict(0.25, 0.5, 0.25, False, "short voice, words to come")
_SHORT = OverlapVerdict(0.15, 0.75, 0.1, False, "short voice")


@dataclass(slots=True)
class _Overlap:
    """One stretch of voice over the assistant's."""

    onset_s: float
    last_voice_s: float
    voice_ms: float = 0.0
    is_acknowledged: bool = False  # the words so far are backchannels
    is_sentence: bool = False  # several words, and something else
    short: OverlapVerdict | None = None  # what the present gap was judged to be


class OverlapJudge:
    """Follows one overlap after the other while the assistant speaks."""

    def __init__(
        self, lexicons: Mapping[str, Lexicon], settings: OverlapSettings | None = None
    ) -> None:
        self.settings = settings or OverlapSettings()
        self._lexicons = dict(lexicons)
        self._gate = EchoGate(self.settings)
        self._overlap: _Overlap | None = None
        self._was_voice = False
        self._peak_dbfs = SILENT_DBFS

    def reset(self) -> None:
        """Forgets the overlap; what is known of the room's echo stays."""
        self._overlap = None
        self._was_voice = False

    @property
    def is_open(self) -> bool:
        return self._overlap is not None

    def hear(self, user: UserState, agent: AgentState) -> None:
        """Follows the echo and the voice; call it for every frame."""
        frame_ms = MS * (user.frame.end_s - user.frame.start_s)
        self._gate.follow_far(agent.far_dbfs, frame_ms)
        # a voice is not louder than its echo in every 10 ms: a peak that falls 1 dB a frame
        self._peak_dbfs = max(user.clean_dbfs, self._peak_dbfs - frame_ms / 10.0)
        floor_p = self.settings.fade_p if self._was_voice else self.settings.voice_p
        gate_dbfs = self._gate.dbfs(has_converged=user.aec_has_converged)
        is_voice = user.p_speech >= floor_p and self._peak_dbfs >= gate_dbfs
        self._was_voice = is_voice
        if not is_voice:
            if self._overlap is None:
                self._gate.learn(user.clean_dbfs, frame_ms)
            elif self._gap_ms(user) >= self._end_ms(self._overlap):
                self._overlap = None
            return
        if not agent.is_speaking:
            return
        if self._overlap is None or self._gap_ms(user) >= self.settings.end_ms:
            self._overlap = _Overlap(user.frame.start_s, user.frame.start_s)
        self._overlap.last_voice_s = user.frame.end_s
        self._overlap.short = None
        self._overlap.voice_ms += frame_ms

    def verdict(self, user: UserState) -> OverlapVerdict | None:
        """None while nobody speaks over the assistant."""
        overlap = self._overlap
        if overlap is None:
            return None
        if self._reads_stop_word(user, overlap):
            return OverlapVerdict(1.0, 0.0, 0.0, True, "a stop word")
        gap_ms = self._gap_ms(user)
        if overlap.short is not None:  # the reply goes on, its words may be forgotten by now
            if overlap.short is _SHORT_SO_FAR and gap_ms >= self.settings.word_wait_ms:
                overlap.short = _SHORT
            return overlap.short
        settings = self.settings
        span_ms = MS * (overlap.last_voice_s - overlap.onset_s)
        slow = 1.0 if user.aec_has_converged else settings.unconverged_factor
        least_ms = self._least_ms(overlap)
        solid_ms = min(span_ms, overlap.voice_ms / settings.voiced_share)
        p = self._p_of_length(overlap.voice_ms, solid_ms, slow * settings.hold_ms, slow * least_ms)
        if p < settings.cut_p and gap_ms >= settings.gap_ms:
            overlap.short = self._short(overlap)
            return overlap.short
        reason = f"voice for {span_ms:.0f} ms"
        if overlap.is_acknowledged:
            return OverlapVerdict(p, 1.0 - p, 0.0, False, reason + ", backchannel words")
        return OverlapVerdict(p, (1.0 - p) / 2.0, (1.0 - p) / 2.0, False, reason)

    def _least_ms(self, overlap: _Overlap) -> float:
        if overlap.is_acknowledged:
            return self.settings.backchannel_cut_ms
        return self.settings.cut_ms if overlap.is_sentence else self.settings.wordless_cut_ms

    def _end_ms(self, overlap: _Overlap) -> float:
        """A mere sound is forgotten once it was judged (a frame later, so that it is told)."""
        settings = self.settings
        is_voice = overlap.voice_ms >= settings.noise_ms
        return (settings.word_wait_ms if is_voice else settings.gap_ms) + 10.0

    def _gap_ms(self, user: UserState) -> float:
        return (
            0.0 if self._overlap is None else MS * (user.frame.end_s - self._overlap.last_voice_s)
        )

    def _p_of_length(self, voice_ms: float, span_ms: float, hold_ms: float, cut_ms: float) -> float:
        """Rises linearly to ``hold_p`` at ``hold_ms`` of voice, then to ``cut_p`` at ``cut_ms``."""
        settings = self.settings
        if voice_ms < hold_ms:
            return settings.hold_p * voice_ms / hold_ms * (1.0 - 1e-9)
        part = (span_ms - hold_ms) / max(cut_ms - hold_ms, 1.0)
        p = settings.hold_p + (settings.cut_p - settings.hold_p) * max(part, 0.0)
        return min(p, 0.95)

    def _short(self, overlap: _Overlap) -> OverlapVerdict:
        """The voice stopped before it became an interruption."""
        if overlap.voice_ms < self.settings.noise_ms:
            return OverlapVerdict(0.05, 0.1, 0.85, False, "a short sound")
        if overlap.is_acknowledged:
            return OverlapVerdict(0.03, 0.95, 0.02, False, "short, backchannel words")
        return _SHORT_SO_FAR

    def _reads_stop_word(self, user: UserState, overlap: _Overlap) -> bool:
        """Whether a word since the onset is a stop word; notes whether all are backchannels."""
        settings = self.settings
        heard_ms = MS * (user.partial_at_s - overlap.onset_s)
        if not user.partial_text or heard_ms < settings.backchannel_word_ms:
            return False
        lexicon = of_text(self._lexicons, user.partial_text)
        overlap.is_acknowledged = is_backchannel(lexicon, user.partial_text)
        overlap.is_sentence = not overlap.is_acknowledged and len(tokens(user.partial_text)) > 1
        return heard_ms >= settings.word_ms and has_stop_word(lexicon, user.partial_text)

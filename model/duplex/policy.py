"""Every number and rule by which a turn ends and a reply is ducked, held, cut or resumed.

The predictor proposes and the dialogue decides by what stands here; settings and scorers read it
too. Nothing but the standard library, so that every room may. ``docs/turn-taking.md`` shows it.

Every number has a source in brackets, its own or that of the lines above it: the split and command
that set it, never test; "by design" where nothing was measured; "earlier" where it was measured
before there were splits, with the recordings of ``turns/`` and ``bargein/`` in view.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# -- one scale ---------------------------------------------------------------------------------
#
# A prediction says how much speaks for an action, and four thresholds say how much is enough. The
# thresholds below are the defaults; the settings move them. The network's probabilities are moved
# onto this scale by the operating points that training found on other speakers: what the point
# calls enough arrives at the default threshold.

# [by design]
END_P = 0.5  # ``p_end_of_turn`` from which the turn is over: "End of turn at"
HOLD_P = 0.5  # ``p_interruption`` from which the reply is held, ready to go on: "Pause at"
CUT_P = 0.8  # ``p_interruption`` from which the reply is cut for good: "Stop at"
RESUME_P = 0.6  # ``p_backchannel`` or ``p_noise`` from which a held reply goes on: "Go on at"
LEAST_P = 0.05  # the lowest threshold that can be set
MOST_P = 0.99  # the highest threshold that can be set: certainty would never come
STEP_P = 0.01  # what a rule keeps from acting stays this far below its threshold
_CLIP_P = 1e-4  # log-odds are finite
_MOST_EXPONENT = 30.0  # exponentials are finite
LOG_ODDS_PER_DOUBLING = 4.0  # rise of a threshold that doubles the times beside it: 0.5 to 0.98


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How much must speak for an action; a higher one waits longer and acts more seldom.

    Attributes:
        hold_p: never above ``cut_p``, which would make it void.
    """

    end_p: float = END_P
    hold_p: float = HOLD_P
    cut_p: float = CUT_P
    resume_p: float = RESUME_P

    def __post_init__(self) -> None:
        if self.hold_p > self.cut_p:
            object.__setattr__(self, "hold_p", self.cut_p)

    @property
    def let_go_ms(self) -> float:
        """Return the quiet after which a voice over the reply is let go."""
        return slowness(self.resume_p, RESUME_P) * OVERLAP_WORDS_MS


DEFAULT_THRESHOLDS = Thresholds()


def log_odds(p: float) -> float:
    """Return the natural log-odds of ``p``, which is kept off 0 and 1."""
    clipped = min(max(p, _CLIP_P), 1.0 - _CLIP_P)
    return math.log(clipped / (1.0 - clipped))


def probability(odds_log: float) -> float:
    """Return the inverse of ``log_odds``."""
    return 1.0 / (1.0 + math.exp(-odds_log))


def slowness(threshold_p: float, default_p: float) -> float:
    """Return the factor on the times beside a threshold that was moved from its default."""
    return 2.0 ** ((log_odds(threshold_p) - log_odds(default_p)) / LOG_ODDS_PER_DOUBLING)


def _stretched_ms(wait_ms: float, slow: float) -> float:
    """Stretch what a wait has above the least one."""
    return LEAST_WAIT_MS + slow * (wait_ms - LEAST_WAIT_MS)


# -- operating points, one set per network -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class EndpointingPoint:
    """When a pause ends the turn in one endpointing mode; on calibrated probabilities.

    Attributes:
        end_p: probability of an end that is enough...
        shortest_ms: ...after this much silence.
        longest_ms: silence that ends the turn whatever the network says.
    """

    end_p: float
    shortest_ms: float
    longest_ms: float

    def moved_to(self, threshold_p: float) -> EndpointingPoint:
        """Return the point for another threshold than ``END_P``: other odds and other waits.

        It adds to the odds, and stretches what the waits have above the least one.
        """
        if threshold_p == END_P:
            return self
        slow = slowness(threshold_p, END_P)
        return EndpointingPoint(
            end_p=probability(log_odds(self.end_p) + log_odds(threshold_p) - log_odds(END_P)),
            shortest_ms=_stretched_ms(self.shortest_ms, slow),
            longest_ms=_stretched_ms(self.longest_ms, slow),
        )


@dataclass(frozen=True, slots=True)
class OverlapPoint:
    """Calibrated probabilities that arrive at ``HOLD_P``, ``CUT_P`` and ``RESUME_P``.

    The first two are of an interruption, the third is of a backchannel or a noise.
    """

    hold_p: float
    cut_p: float
    resume_p: float


@dataclass(frozen=True, slots=True)
class EndpointingMode:
    """What a mode promises; training picks the point that answers soonest within it.

    Attributes:
        most_cut: share of the user's own pauses that may be taken for the end.
        shortest_ms: least wait at a likely end. Pauses of fluent speech last up to 450 ms, and
            those made for training are easier than people's.
        longest_ms: least wait at an unlikely end.
    """

    most_cut: float
    shortest_ms: float
    longest_ms: float


# [by design]
ENDPOINTING_MODES: Mapping[str, EndpointingMode] = {
    "eager": EndpointingMode(0.10, 280.0, 1600.0),
    "balanced": EndpointingMode(0.05, 440.0, 2500.0),
    "patient": EndpointingMode(0.02, 680.0, 3000.0),
}
DEFAULT_MODE = "balanced"

# -- what counts as the user's voice -----------------------------------------------------------

# [published: Silero VAD]
VOICE_P = 0.5  # voice probability at which a voice begins; the detector's own default
FADE_P = 0.35  # a voice goes on while its probability stays above this; the detector's own default
# [earlier: model/training/LOG.md]
VOICE_DBFS = -60.0  # quieter frames are silence: the noise floor of a laptop's microphone
MIN_VOICE_MS = 96.0  # less voice opens no turn and is noise over a reply: a click, a cough
# [by design]
TURN_OVER_MS = 5000.0  # silence after which the next voice opens another turn: longer than any wait
# [earlier: model/training/LOG.md]
PAUSE_MS = 200.0  # shorter silences belong to fluent speech: stop consonants, breaths
OVERLAP_GAP_MS = 160.0  # quiet after which a mere sound over the reply is over
OVERLAP_END_MS = 320.0  # quiet after which the next voice over the reply is another one
OVERLAP_WORDS_MS = 480.0  # quiet after which a voice over the reply is let go; its words have come
ECHO_FACTOR = 2.0  # how far above the mean residual echo a voice must be (amplitude; 6 dB)
ECHO_HALF_LIFE_MS = 400.0  # half-life of that mean
ECHO_TAIL_MS = 400.0  # how long an echo stays around: device delay and reverberation
# [by design]
FAR_ACTIVE_DBFS = -50.0  # level from which the loudspeaker counts as playing
# [earlier: model/training/LOG.md]
FAR_MARGIN_DB = 20.0  # a voice is louder than the loudspeaker less this; distortion is softer
LEAST_ECHO_LOSS_DB = 20.0  # residual echo is at least this far below the loudspeaker
UNCONVERGED_DB = 6.0  # added to the level gate until the canceller has converged
WARM_UP_MS = 3000.0  # of the reply's own voice: a canceller that has a chance has converged by then
WARM_UP_LOUDER_DB = 6.0  # till then only words stop it, or a voice this far above the gate

# -- the end of a turn -------------------------------------------------------------------------

# [by design]
LONGEST_WAIT_MS = 3000.0  # after so much silence every turn is over: people give up waiting
LEAST_WAIT_MS = 200.0  # no turn ends sooner: silence below this is a stop consonant or a breath
DOUBT_SHARE = 0.5  # share of a point's ``end_p`` at and below which the longest wait applies
# [earlier: model/training/LOG.md]
DICTATION_WAIT_MS = 1500.0  # least wait in dictated numbers, whose pauses last 0.4 to 1.2 s
# [by design]
SILENT_AFTER_MS = 4000.0  # silence after which nothing is predicted any more
# [earlier: model/training/LOG.md]
ASK_SOUND_AFTER_MS = (200.0, 450.0, 900.0)  # silences at which Smart Turn is asked; 60 ms each
READ_WORDS_AFTER_MS = 150.0  # silence from which words are read; sooner, voice outruns them
# [by design]
REFERENCE_MS = 500.0  # silence at which the log-odds of an end are given
# [train+tune: python -m model.training.train_end_of_turn WORK --real RECORDINGS]
THRESHOLD_FALL = 1.5  # of the log-odds that are enough, for each unit of ln(silence / 0.5 s)
# [by design]
LEAST_GAIN = 0.3  # a longer silence always speaks for the end: no wait is infinite
ANSWER_LOG_ODDS = 2.0  # added where a few words answer our own question
N_ANSWER_WORDS = 3  # "yes", "on Monday", "no thank you"; longer answers go on as often as not
ANSWER_GRAMMAR_P = 0.4  # least score by surface grammar of words that may be an answer
EVIDENCE_WAIT_MS = 700.0  # a recogniser that has judged pauses before has so long for this one
EVIDENCE_LAG_MS = 100.0  # evidence of audio that ends this much before the last voice covers it
MODEL_SCORE_WEIGHT = 0.5  # exponent of a speech model's odds: it heard what the network heard
MODEL_SCORE_CLIP_P = 0.02  # keeps one overconfident model from deciding alone


@dataclass(frozen=True, slots=True)
class Wait:
    """What the silence so far means.

    Attributes:
        wait_ms: silence that ends the turn as things stand.
        p_end_of_turn: the network's odds over those of the mode's point; at the user's threshold
            or above exactly when the turn is over.
        is_likely: the network takes the pause for the end.
        is_over: so does the policy.
    """

    wait_ms: float
    p_end_of_turn: float
    is_likely: bool
    is_over: bool


def wait_for(
    point: EndpointingPoint,
    *,
    p_end: float,
    silence_ms: float,
    threshold_p: float = END_P,
    extra_ms: float = 0.0,
    is_dictating: bool = False,
    least_ms: float = LEAST_WAIT_MS,
    limit_ms: float = LONGEST_WAIT_MS,
) -> Wait:
    """Return the wait at a likely end, an unlikely one, or geometrically in between.

    Args:
        p_end: the calibrated probability of an end, now.
        threshold_p: "End of turn at".
        extra_ms: from adaptive endpointing; negative for quick speakers.
        least_ms: no turn ends sooner.
        limit_ms: "Longest wait".
    """
    point = point.moved_to(threshold_p)
    shortest_ms = max(point.shortest_ms + extra_ms, least_ms)
    longest_ms = point.longest_ms + max(extra_ms, 0.0)
    if is_dictating:
        shortest_ms, longest_ms = max(shortest_ms, DICTATION_WAIT_MS), LONGEST_WAIT_MS
    longest_ms = max(longest_ms, shortest_ms)
    doubt = min(max((1.0 - p_end / point.end_p) / (1.0 - DOUBT_SHARE), 0.0), 1.0)
    wait_ms = shortest_ms * (longest_ms / shortest_ms) ** doubt
    wait_ms = min(wait_ms, limit_ms, LONGEST_WAIT_MS)
    is_likely = p_end >= point.end_p
    if silence_ms <= 0.0:
        return Wait(wait_ms, 0.0, is_likely, is_over=False)
    is_over = silence_ms >= wait_ms - 1e-6
    p = probability(log_odds(p_end) - log_odds(point.end_p) + log_odds(threshold_p))
    p = max(p, threshold_p) if is_over else min(p, threshold_p - STEP_P)
    return Wait(wait_ms, p, is_likely, is_over)


@dataclass(frozen=True, slots=True)
class EndOdds:
    """Log-odds that a pause is the end; evidence weighs more or less as the silence goes on.

    Attributes:
        at_reference: after ``REFERENCE_MS`` of silence.
        rise: for each unit of the logarithm of the silence.
    """

    at_reference: float
    rise: float


@dataclass(frozen=True, slots=True)
class EndingPoint:
    """When evidence of the recogniser ends the turn in one endpointing mode.

    Attributes:
        log_odds: that are enough after ``REFERENCE_MS``; longer silences need ``THRESHOLD_FALL``
            less for each unit of their logarithm.
        shortest_ms: least wait however sure it is.
        longest_ms: silence that ends the turn whatever the evidence says.
    """

    log_odds: float
    shortest_ms: float
    longest_ms: float

    def moved_to(self, threshold_p: float) -> EndingPoint:
        """Return the point for another threshold than ``END_P``; see ``EndpointingPoint``."""
        if threshold_p == END_P:
            return self
        slow = slowness(threshold_p, END_P)
        return EndingPoint(
            log_odds=self.log_odds + log_odds(threshold_p) - log_odds(END_P),
            shortest_ms=_stretched_ms(self.shortest_ms, slow),
            longest_ms=_stretched_ms(self.longest_ms, slow),
        )


def wait_by_odds(
    point: EndingPoint,
    odds: EndOdds,
    *,
    silence_ms: float,
    threshold_p: float = END_P,
    extra_ms: float = 0.0,
    is_dictating: bool = False,
    limit_ms: float = LONGEST_WAIT_MS,
) -> Wait:
    """Return the silence at which rising odds meet the falling threshold; see ``wait_for``."""
    point = point.moved_to(threshold_p)
    shortest_ms = max(point.shortest_ms + extra_ms, LEAST_WAIT_MS)
    longest_ms = point.longest_ms + max(extra_ms, 0.0)
    if is_dictating:
        shortest_ms, longest_ms = max(shortest_ms, DICTATION_WAIT_MS), LONGEST_WAIT_MS
    longest_ms = max(longest_ms, shortest_ms)
    gain = max(odds.rise + THRESHOLD_FALL, LEAST_GAIN)
    short_of = point.log_odds - odds.at_reference
    meets_ms = REFERENCE_MS * math.exp(min(short_of / gain, _MOST_EXPONENT))
    wait_ms = min(max(meets_ms + extra_ms, shortest_ms), longest_ms)
    wait_ms = min(wait_ms, limit_ms, LONGEST_WAIT_MS)
    is_likely = meets_ms < longest_ms
    if silence_ms <= 0.0:
        return Wait(wait_ms, 0.0, is_likely, is_over=False)
    is_over = silence_ms >= wait_ms - 1e-6
    margin = gain * math.log(silence_ms / REFERENCE_MS) - short_of
    p = probability(min(max(margin + log_odds(threshold_p), -_MOST_EXPONENT), _MOST_EXPONENT))
    p = max(p, threshold_p) if is_over else min(p, threshold_p - STEP_P)
    return Wait(wait_ms, p, is_likely, is_over)


def with_model_score(p_end: float, score: float) -> float:
    """Return the network's ``p_end`` with the odds of a speech model's own ``score`` on it."""
    if score == 0.5 or not 0.0 < p_end < 1.0:
        return p_end
    return probability(math.log(p_end / (1.0 - p_end)) + model_log_odds(score))


def model_log_odds(score: float) -> float:
    """Return what a speech model's own ``score`` adds to the log-odds of an end."""
    clipped = min(max(score, MODEL_SCORE_CLIP_P), 1.0 - MODEL_SCORE_CLIP_P)
    return MODEL_SCORE_WEIGHT * log_odds(clipped)


# -- adaptive endpointing: the speaker's own pauses --------------------------------------------

# [earlier: model/training/LOG.md]
TYPICAL_PAUSE_MS = 550.0  # mean pause of a speaker nobody knows yet; it changes nothing
PAUSE_KEEP = 0.85  # share of the old mean that a new pause leaves: a dozen pauses replace it
PAUSE_GAIN = 0.7  # extra wait for each millisecond that the mean is above the typical pause
LEAST_EXTRA_MS = -150.0  # the most that a quick speaker shortens a wait
MOST_EXTRA_MS = 600.0  # the most that a slow speaker lengthens a wait
# [by design]
LONGEST_PAUSE_MS = 2500.0  # longer pauses count as this long: thoughts were elsewhere
# [earlier: model/training/LOG.md]
PHRASE_MS = 600.0  # voice on either side of a pause that teaches; most backchannels are shorter
JUST_BEGUN_S = 1.0  # who interrupts a reply this soon had not finished: it had cut into a pause

# -- words -------------------------------------------------------------------------------------

# [earlier: model/training/LOG.md]
WORDS_LAG_MS = 200.0  # a transcript that ends this much before the last voice still covers it
STOP_WORD_MS = 250.0  # transcribed audio from which a stop word is trusted; less gives guesses
BACKCHANNEL_WORD_MS = 96.0  # the same for backchannels, which only buy time
N_SENTENCE_WORDS = 2  # words over the reply that say something; one may be a misheard "mm-hm"
# [by design]
N_CLAUSE_WORDS = 3  # the same of a voice that also acknowledged: "yeah, but why"
N_SURE_WORDS = 4  # the same of a voice like nobody's: an echo is misread as two or three
N_RUN = 3  # numbers or letters in a row that are dictated without being announced
N_WHOLE_DIGITS = 10  # with so many digits a telephone number is whole
N_WHOLE_ADDRESS = 14  # by so many words an address is whole
N_WHOLE_SPELLING = 12  # by so many letters a word is whole

# -- a voice over the reply --------------------------------------------------------------------

# [tune: parley bench duplex RECORDINGS --split tune]
VOICED_P = 0.15  # highest of the detector below which a spotted voice is a noise
# [train+tune: parley bench duplex RECORDINGS --split train+tune]
ONE_WORD_MS = 700.0  # most that the spotter hears of a single word; who goes on longer says more
WORDS_COME_MS = 400.0  # quiet within which the recogniser reads a word, so that it is waited for
# [earlier: model/training/LOG.md]
SHORT_MS = 400.0  # voice below which only a stop word cuts: half of all backchannels are shorter
GOES_ON_MS = 550.0  # from the first voice to the latest; who goes on this long wants the floor
VOICED_SHARE = 0.75  # share of that time that must be voice: two coughs are no sentence
ACKNOWLEDGED_MS = 1200.0  # voice for which words like "yeah" protect the reply
# [by design]
PREDICT_EVERY_MS = 80.0  # a prediction comes at least this often: a step of the network


@dataclass(frozen=True, slots=True)
class OverlapEvidence:
    """What is known of a voice over the reply; the probabilities are calibrated and sum to 1.

    Attributes:
        voice_ms: voice in it, gaps left out.
        span_ms: from its first voice to the latest.
        quiet_ms: since the latest voice.
        may_be_echo: the warm-up protects the reply from it.
        is_spotted: a word spotter listens, which knows echoes and short words.
        is_voiced: the voice activity detector has heard anything of a voice, too.
        may_be_stop: it may have heard a stop word.
        has_words: any were recognised.
        acknowledges: the words so far only acknowledge.
        n_words: how many there are, if they say something else.
    """

    p_interruption: float
    p_backchannel: float
    p_noise: float
    voice_ms: float
    span_ms: float
    quiet_ms: float = 0.0
    may_be_echo: bool = False
    is_spotted: bool = False
    is_voiced: bool = True
    may_be_stop: bool = False
    has_words: bool = False
    acknowledges: bool = False
    n_words: int = 0


@dataclass(frozen=True, slots=True)
class OverlapVerdict:
    """Probabilities on the scale of the thresholds, their sum at most 1; and why, for people."""

    p_interruption: float
    p_backchannel: float
    p_noise: float
    reason: str


def overlap_verdict(
    seen: OverlapEvidence, point: OverlapPoint, at: Thresholds = DEFAULT_THRESHOLDS
) -> OverlapVerdict:
    """Return what a voice over the reply comes to; stop words are obeyed without asking here."""
    p, backchannel, noise, reason = _of_network(seen, point, at)
    slow = slowness(at.cut_p, CUT_P)
    if seen.is_spotted and not seen.is_voiced:
        # the spotter takes noises for voices, which the detector does not
        p, reason = min(p, _harmless_p(at)), "no voice meant for it"
        noise, backchannel = at.resume_p, min(backchannel, 1.0 - at.resume_p - p)
    if seen.may_be_echo and not seen.is_spotted:
        p, reason = min(p, at.hold_p - STEP_P), "perhaps its own echo"
    if _is_too_short(seen, slow):
        # too short to tell: it may hold, but not cut, nor go on while the voice lasts
        p = min(p, at.cut_p - STEP_P)
        most = at.resume_p - STEP_P if seen.quiet_ms < OVERLAP_GAP_MS - 1e-6 else 1.0
        backchannel, noise = min(backchannel, most), min(noise, most)
    if seen.acknowledges:
        if seen.voice_ms < slow * ACKNOWLEDGED_MS and p >= at.cut_p:
            p, reason = at.cut_p - STEP_P, "words of acknowledgement"
    elif seen.is_spotted and _is_clause(seen, slow):
        p, reason = max(p, at.cut_p), "somebody says something"
        backchannel, noise = _rest(p, backchannel, noise)
    elif _confirm_p(at) <= p < at.cut_p and (why := _confirmed(seen, slow)):
        # what may want the floor and says something, or simply goes on, does want it
        p, reason = at.cut_p, why
        backchannel, noise = _rest(p, backchannel, noise)
    if seen.may_be_stop and p < at.hold_p and seen.quiet_ms < at.let_go_ms - 1e-6:
        # held, which can be taken back, until words or the spotter are sure
        most = at.resume_p - STEP_P
        p, reason = at.hold_p, "perhaps a stop word"
        backchannel, noise = min(backchannel, most, 1.0 - p), min(noise, most, 1.0 - p)
        noise = min(noise, 1.0 - p - backchannel)
    is_settled = p >= at.cut_p or max(backchannel, noise) >= at.resume_p
    if seen.quiet_ms >= at.let_go_ms - 1e-6 and not is_settled:
        # quiet again, and nothing came of it: the reply goes on
        p, reason = min(p, _harmless_p(at)), "quiet again"
        backchannel, noise = at.resume_p, 1.0 - at.resume_p - p
    return OverlapVerdict(p, backchannel, noise, reason)


def _is_clause(seen: OverlapEvidence, slow: float) -> bool:
    """Return whether a voice, and no echo, says more than an acknowledgement."""
    is_voice = seen.p_interruption + seen.p_backchannel >= seen.p_noise
    return is_voice and seen.n_words >= N_CLAUSE_WORDS and seen.voice_ms >= slow * SHORT_MS


def _rest(p: float, backchannel: float, noise: float) -> tuple[float, float]:
    """Return what is left for the harmless where the reply is cut."""
    most = (1.0 - p) / 2.0
    return min(backchannel, most), min(noise, most)


def _is_too_short(seen: OverlapEvidence, slow: float) -> bool:
    """Return whether too little was heard: a word is known where it ends."""
    if not seen.is_spotted:
        return seen.voice_ms < slow * SHORT_MS
    waits_for_words = not seen.has_words and seen.quiet_ms < WORDS_COME_MS - 1e-6
    is_short = seen.span_ms < slow * ONE_WORD_MS
    return is_short and (waits_for_words or is_word_begun(seen.quiet_ms, seen.span_ms, slow))


def is_word_begun(quiet_ms: float, span_ms: float, slow: float = 1.0) -> bool:
    """Return whether a voice over the reply may be in the middle of its first word."""
    return quiet_ms < OVERLAP_GAP_MS - 1e-6 and span_ms < slow * GOES_ON_MS


def _of_network(
    seen: OverlapEvidence, point: OverlapPoint, at: Thresholds
) -> tuple[float, float, float, str]:
    """The network alone: what is harmless neither holds nor cuts.

    Where low thresholds let both speak, what is further above its own wins.
    """
    p = rescaled(seen.p_interruption, ((point.hold_p, HOLD_P), (point.cut_p, CUT_P)))
    highest = max(seen.p_backchannel, seen.p_noise)
    is_backchannel = seen.p_backchannel >= seen.p_noise
    p_harmless = seen.p_backchannel + seen.p_noise
    is_harmless = p_harmless >= rescaled(at.resume_p, ((RESUME_P, point.resume_p),))
    if is_harmless and p >= at.hold_p:
        margin = rescaled(p_harmless, ((point.resume_p, RESUME_P),)) - at.resume_p
        is_harmless = margin > p - at.hold_p
    if is_harmless:
        p = min(p, _harmless_p(at))
        likely = max(at.resume_p, (1.0 - p) * highest)
        reason = "sounds like an acknowledgement" if is_backchannel else "no voice meant for it"
    else:
        likely = min((1.0 - p) * highest, at.resume_p - STEP_P)
        reason = "somebody makes a sound"
        if p >= at.hold_p:
            reason = "perhaps somebody wants the floor"
        if p >= at.cut_p:
            reason = "somebody wants the floor"
    other = min(1.0 - p - likely, at.resume_p - STEP_P)
    return (p, likely, other, reason) if is_backchannel else (p, other, likely, reason)


def _confirmed(seen: OverlapEvidence, slow: float) -> str:
    """Why a voice that may want the floor does; "" while nothing says so."""
    if seen.has_words and not seen.is_spotted and seen.voice_ms >= slow * SHORT_MS:
        return "somebody says something"
    least_ms = ONE_WORD_MS if seen.is_spotted else GOES_ON_MS
    goes_on = seen.span_ms >= slow * least_ms and seen.voice_ms >= VOICED_SHARE * seen.span_ms
    return f"a voice for {seen.span_ms:.0f} ms" if goes_on else ""


def _confirm_p(at: Thresholds) -> float:
    """What may want the floor: ``HOLD_P``, and in proportion where "Stop at" was moved."""
    return at.cut_p * (HOLD_P / CUT_P)


def _harmless_p(at: Thresholds) -> float:
    """The most that p_interruption is where the reply goes on: it neither holds nor cuts."""
    return max(0.0, min(1.0 - at.resume_p, at.hold_p, _confirm_p(at)) - STEP_P)


def rescaled(p: float, knots: tuple[tuple[float, float], ...]) -> float:
    """Return ``p`` on a line from (0, 0) over ``knots``, which rise strictly, to (1, 1)."""
    low = (0.0, 0.0)
    for high in (*knots, (1.0, 1.0)):
        if p <= high[0]:
            part = (p - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 1.0
            return low[1] + part * (high[1] - low[1])
        low = high
    return 1.0


# -- what the dialogue does with it ------------------------------------------------------------

# [by design]
DUCK_GAIN_DB = -14.0  # level of the reply under any voice: soft, and still understood
DUCK_RAMP_MS = 20.0  # ramp down to that; sooner, it clicks
FADE_MS = 20.0  # fade to silence when the reply is held or cut; sooner, it clicks
RESUME_RAMP_MS = 30.0  # ramp back to full level
# [earlier: model/training/LOG.md]
DECIDE_MS = 700.0  # from the onset of a voice over the reply to a decision: "Decide within"
TRANSCRIPT_GRACE_MS = 700.0  # how much longer an overlap waits, once, for words on their way
# [by design]
YIELD_DEADLINE_MS = 400.0  # when a fade is not over by then, the device is stuck and all is dropped
# [earlier: model/training/LOG.md]
SURELY_VOICE_MS = 200.0  # age of a voice that may interrupt a reply it did not duck

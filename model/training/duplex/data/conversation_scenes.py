"""Scenes in which the user has the floor: turns with and without pauses, and sounds that are none.

Each function makes one kind of scene; knows no recogniser and no features.

Scenes in which the assistant is speaking: interruptions, acknowledgements, noise, its own echo.

Each function makes one kind of scene; knows no recogniser and no features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.duplex.outcomes import Outcome
from model.training.duplex.data.casting import SpeakerPool
from model.training.duplex.data.performance import Performance, Performer
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.scene import Scene, Span
from model.training.duplex.data.scene_mixer import Stage
from model.training.duplex.data.utterance import Utterance

LISTENING_S = 3.0  # of silence after an end that are labelled: by then anybody would answer
STUCK_S = 2.5  # of silence after which a turn that stopped in mid-phrase is nobody's fault
_TAIL_S = 0.4
_LEAD_S = (0.4, 1.6)
_REPLY_S = (1.5, 4.0)
_RESPONSE_S = (0.6, 0.4)  # mean and spread of people's answers (MinMo, section on duplex data)
NOISE_TAIL_S = 1.0  # after a sound that opened a turn
_P_REPLY_BEFORE = 0.35
_P_NOISE_INSIDE = 0.15
_P_NOISE_AFTER = 0.1
_P_REAL = 0.25
_DISTANT_DB, _AVERTED_DB = (-20.0, -10.0), (-12.0, -5.0)
_EVENT_DB = (-14.0, 4.0)


@dataclass(frozen=True, slots=True, eq=False)
class SceneContext:
    """Everybody and everything a scene of one split is made with."""

    cast: SpeakerPool
    performer: Performer
    stock: SoundStock


def whole_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Said in one go; real read speech among it."""
    if company.cast.has_readings(language) and rng.random() < _P_REAL:
        return _turn(company, language, rng, company.performer.read(language, rng), "whole_turn")
    performance = company.performer.plain("plain", language, rng)
    return _turn(company, language, rng, performance, "whole_turn")


def paused_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Pauses where people stop to think, mostly after function words."""
    if company.cast.has_readings(language) and rng.random() < _P_REAL:
        performance = company.performer.read(language, rng)
    else:
        performance = company.performer.paused("plain", language, rng)
    return _turn(company, language, rng, performance, "paused_turn")


def hesitant_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Fillers, restarts."""
    performance = company.performer.paused("hesitant", language, rng)
    return _turn(company, language, rng, performance, "hesitant_turn")


def listing_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Things one after the other."""
    performance = company.performer.paused("list", language, rng)
    return _turn(company, language, rng, performance, "listing_turn")


def dictating_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Telephone numbers, addresses, codes."""
    performance = company.performer.paused("numbers", language, rng)
    return _turn(company, language, rng, performance, "dictating_turn")


def correcting_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """The speaker changes course."""
    performance = company.performer.paused("correction", language, rng)
    return _turn(company, language, rng, performance, "correcting_turn")


def telling_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Several sentences in one turn."""
    performance = company.performer.paused("story", language, rng)
    return _turn(company, language, rng, performance, "telling_turn")


def truncated_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Stops in mid-phrase and stays silent."""
    performance = company.performer.truncated("plain", language, rng)
    return _turn(company, language, rng, performance, "truncated_turn")


def short_turn(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """A word or two are all there is; a mere filler promises more."""
    role = str(rng.choice(("short_turn", "short_turn", "command", "word", "question", "filler")))
    said = company.cast.short(role, language, rng)
    performance = Performance(said, (), is_complete=role != "filler")
    return _turn(company, language, rng, performance, "short_turn")


def sounds(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Coughs, keys, doors, music: nobody said anything."""
    stage = _stage(company, language, rng)
    at_s = float(rng.uniform(*_LEAD_S))
    for _ in range(int(rng.integers(1, 4))):
        _, samples = company.stock.event(rng)
        span = stage.noise(samples, at_s, float(rng.uniform(*_EVENT_DB)))
        stage.label(span.start_s, span.end_s + NOISE_TAIL_S, Outcome.NOISE)
        at_s = span.end_s + float(rng.uniform(NOISE_TAIL_S, 2.5))
    return stage.finish("sounds", at_s + _TAIL_S)


def other_people(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """People in the background, a television, or the user talking to somebody else."""
    stage = _stage(company, language, rng)
    at_s = float(rng.uniform(*_LEAD_S))
    for _ in range(int(rng.integers(1, 3))):
        is_averted = bool(rng.random() < 0.3)
        level_db = float(rng.uniform(*(_AVERTED_DB if is_averted else _DISTANT_DB)))
        said = company.performer.plain("plain", language, rng).utterance
        span = stage.others_say(said, at_s, level_db, is_averted=is_averted)
        stage.label(span.start_s, span.end_s + NOISE_TAIL_S, Outcome.NOISE)
        at_s = span.end_s + float(rng.uniform(0.5, 2.0))
    return stage.finish("other_people", at_s + NOISE_TAIL_S)


def put_turn(stage: Stage, performance: Performance, at_s: float) -> float:
    """The user takes this turn; returns when nothing is asked any more."""
    span = stage.say(performance.utterance, at_s)
    stage.label(span.start_s, span.end_s, Outcome.HOLD)
    if performance.is_complete:
        stage.label(span.end_s, span.end_s + LISTENING_S, Outcome.END_OF_TURN)
        return span.end_s + LISTENING_S
    stage.label(span.end_s, span.end_s + STUCK_S, Outcome.HOLD)
    return span.end_s + STUCK_S


def put_reply(
    stage: Stage, company: SceneContext, seconds: float, at_s: float, rng: np.random.Generator
) -> Span:
    """The assistant speaks for about so long, undisturbed."""
    said = company.cast.assistant(stage.language, seconds, rng)
    span = stage.agent_says(said, at_s, at_s + seconds)
    stage.agent_speaks(Span(span.start_s, span.end_s + float(rng.uniform(0.0, 0.3))))
    return span


def _stage(company: SceneContext, language: str, rng: np.random.Generator) -> Stage:
    return Stage(company.stock.room(rng, is_echo=False), language, rng)


def _turn(
    company: SceneContext,
    language: str,
    rng: np.random.Generator,
    performance: Performance,
    kind: str,
) -> Scene:
    has_reply = rng.random() < _P_REPLY_BEFORE
    stage = Stage(company.stock.room(rng, is_echo=bool(has_reply)), language, rng)
    at_s = float(rng.uniform(*_LEAD_S))
    if has_reply:
        reply = put_reply(stage, company, float(rng.uniform(*_REPLY_S)), 0.3, rng)
        at_s = reply.end_s + max(0.4, float(rng.normal(*_RESPONSE_S)))
    end_s = put_turn(stage, performance, at_s)
    _disturb(stage, company, performance, at_s, rng)
    return stage.finish(kind, end_s + _TAIL_S, knows_agent_text=bool(rng.random() < 0.6))


def _disturb(
    stage: Stage,
    company: SceneContext,
    performance: Performance,
    at_s: float,
    rng: np.random.Generator,
) -> None:
    """Small sounds in a pause or after the end change nothing about the turn."""
    end_s = at_s + performance.utterance.seconds
    if performance.pauses and rng.random() < _P_NOISE_INSIDE:
        pause = performance.pauses[int(rng.integers(len(performance.pauses)))]
        _, samples = company.stock.event(rng, is_breath=True)
        stage.noise(samples, at_s + pause.start_s + 0.1, float(rng.uniform(-20.0, -6.0)))
    if rng.random() < _P_NOISE_AFTER:
        _, samples = company.stock.event(rng)
        stage.noise(samples, end_s + float(rng.uniform(0.3, 2.0)), float(rng.uniform(-20.0, -6.0)))


EVENT_TAIL_S = 0.4  # an event's class stays right for so long after its end
_FIRST_EVENT_S = (0.6, 5.0)  # many before the canceller has converged
_BETWEEN_S = (1.2, 3.0)
_LONG_REPLY_S = (6.0, 12.0)
_SOFT_DB = (-14.0, 0.0)  # of acknowledgements against other speech
_OVERLAP_EVENT_DB = (-12.0, 8.0)
_OVERLAP_DISTANT_DB, _OVERLAP_AVERTED_DB = (-20.0, -10.0), (-12.0, -5.0)
_YIELD_S = (0.25, 0.9)  # from the onset until the reply falls silent
_OVERLAP_TAIL_S = 0.4
_P_KNOWN_TEXT = 0.6
_P_SENTENCE = 0.3


def echo_only(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Nobody but the assistant itself, from the first moment on."""
    stage, reply = _speaking(company, language, rng)
    return _finished(stage, "echo_only", reply, rng)


def interruption(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """One or two attempts to take the floor; the reply goes on whatever is said."""
    stage, reply = _speaking(company, language, rng)
    at_s = reply.start_s + float(rng.uniform(*_FIRST_EVENT_S))
    for _ in range(int(rng.integers(1, 3))):
        span = stage.say(_demand(company, language, rng), at_s, float(rng.uniform(-3.0, 4.0)))
        stage.label(span.start_s, span.end_s + EVENT_TAIL_S, Outcome.INTERRUPTION)
        at_s = span.end_s + float(rng.uniform(*_BETWEEN_S))
        if at_s > reply.end_s - 1.0:
            break
    return _finished(stage, "interruption", reply, rng)


def yielded(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """The reply stops soon after the onset and the user says what he wants."""
    stage = Stage(company.stock.room(rng, is_echo=True), language, rng)
    start_s = 0.3
    onset_s = start_s + float(rng.uniform(*_FIRST_EVENT_S))
    stop_s = onset_s + float(rng.uniform(*_YIELD_S))
    performance = _wish(company, language, rng)
    put_reply(stage, company, stop_s - start_s, start_s, rng)
    end_s = put_turn(stage, performance, onset_s)
    speech_end_s = onset_s + performance.utterance.seconds
    stage.label(onset_s, speech_end_s + EVENT_TAIL_S, Outcome.INTERRUPTION)
    return stage.finish("yielded", end_s + _OVERLAP_TAIL_S, knows_agent_text=_knows_text(rng))


def backchannel(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """The user acknowledges, once or a few times, mostly softly."""
    stage, reply = _speaking(company, language, rng)
    at_s = reply.start_s + float(rng.uniform(*_FIRST_EVENT_S))
    while at_s < reply.end_s - 1.0:
        span = stage.say(company.cast.burst(language, rng), at_s, float(rng.uniform(*_SOFT_DB)))
        stage.label(span.start_s, span.end_s + EVENT_TAIL_S, Outcome.BACKCHANNEL)
        at_s = span.end_s + float(rng.uniform(*_BETWEEN_S)) * 1.3
    return _finished(stage, "backchannel", reply, rng)


def acknowledged_demand(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """An acknowledgement that turns out to open a turn: "yeah, but what about ..."."""
    stage, reply = _speaking(company, language, rng)
    at_s = reply.start_s + float(rng.uniform(*_FIRST_EVENT_S))
    opener, demand = company.cast.acknowledged_demand(language, rng)
    span = stage.say(opener, at_s, float(rng.uniform(-6.0, 2.0)))
    then_s = span.end_s + float(rng.uniform(0.02, 0.5))
    rest = stage.say(demand, then_s, float(rng.uniform(-3.0, 3.0)))
    stage.label(span.start_s, rest.start_s, Outcome.BACKCHANNEL)
    stage.label(rest.start_s, rest.end_s + EVENT_TAIL_S, Outcome.INTERRUPTION)
    return _finished(stage, "acknowledged_demand", reply, rng)


def noise_over_reply(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Sounds of people and things that want nothing."""
    stage, reply = _speaking(company, language, rng)
    at_s = reply.start_s + float(rng.uniform(*_FIRST_EVENT_S))
    while at_s < reply.end_s - 0.5:
        _, samples = company.stock.event(rng, is_breath=bool(rng.random() < 0.4))
        span = stage.noise(samples, at_s, float(rng.uniform(*_OVERLAP_EVENT_DB)))
        at_s = span.end_s + float(rng.uniform(0.5, 2.5))
    return _finished(stage, "noise_over_reply", reply, rng)


def others_over_reply(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Other people, a television, a meeting next door, or the user talking to somebody else."""
    stage, reply = _speaking(company, language, rng)
    at_s = reply.start_s + float(rng.uniform(0.3, 3.0))
    if rng.random() < 0.2:
        crowd = company.stock.crowd(rng, reply.end_s - at_s)
        if crowd is not None:
            stage.noise(crowd, at_s, float(rng.uniform(-22.0, -12.0)))
            return _finished(stage, "others_over_reply", reply, rng)
    while at_s < reply.end_s - 1.0:
        is_averted = bool(rng.random() < 0.3)
        level_db = float(rng.uniform(*(_OVERLAP_AVERTED_DB if is_averted else _OVERLAP_DISTANT_DB)))
        said = company.performer.plain("plain", language, rng).utterance
        span = stage.others_say(said, at_s, level_db, is_averted=is_averted)
        at_s = span.end_s + float(rng.uniform(0.5, 2.0))
    return _finished(stage, "others_over_reply", reply, rng)


def resumed(company: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """The assistant answers in a pause of the user, who goes on: he was cut off."""
    stage = Stage(company.stock.room(rng, is_echo=True), language, rng)
    first, second = company.performer.split("plain", language, rng)
    at_s = float(rng.uniform(0.4, 1.2))
    span = stage.say(first, at_s)
    begin_s = span.end_s + float(rng.uniform(0.5, 1.2))
    stage.label(span.start_s, begin_s, Outcome.HOLD)
    onset_s = begin_s + float(rng.uniform(0.15, 1.5))
    stop_s = onset_s + float(rng.uniform(*_YIELD_S))
    put_reply(stage, company, stop_s - begin_s, begin_s, rng)
    end_s = put_turn(stage, Performance(second, ()), onset_s)
    speech_end_s = onset_s + second.seconds
    stage.label(onset_s, speech_end_s + EVENT_TAIL_S, Outcome.INTERRUPTION)
    return stage.finish("resumed", end_s + _OVERLAP_TAIL_S, knows_agent_text=_knows_text(rng))


def _speaking(company: SceneContext, language: str, rng: np.random.Generator) -> tuple[Stage, Span]:
    stage = Stage(company.stock.room(rng, is_echo=True), language, rng)
    return stage, put_reply(stage, company, float(rng.uniform(*_LONG_REPLY_S)), 0.3, rng)


def _finished(stage: Stage, kind: str, reply: Span, rng: np.random.Generator) -> Scene:
    """Ends with the reply; words belong to one burst of speech each."""
    return stage.finish(
        kind, reply.end_s + _OVERLAP_TAIL_S, one_turn=False, knows_agent_text=_knows_text(rng)
    )


def _knows_text(rng: np.random.Generator) -> bool:
    return bool(rng.random() < _P_KNOWN_TEXT)


def _demand(company: SceneContext, language: str, rng: np.random.Generator) -> Utterance:
    """A word, a command, a question, a sentence."""
    if rng.random() < _P_SENTENCE:
        if company.cast.has_readings(language) and rng.random() < 0.4:
            return company.cast.reading(language, rng)
        return company.performer.plain("plain", language, rng).utterance
    role = str(rng.choice(("command", "command", "word", "question", "question")))
    return company.cast.short(role, language, rng)


def _wish(company: SceneContext, language: str, rng: np.random.Generator) -> Performance:
    """What an interruption becomes when it is let through."""
    chance = rng.random()
    if chance < 0.35:
        return company.performer.plain("plain", language, rng)
    if chance < 0.6:
        return company.performer.paused("plain", language, rng)
    role = "command" if chance < 0.8 else "question"
    return Performance(company.cast.short(role, language, rng), ())

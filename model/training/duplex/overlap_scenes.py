"""Scenes in which the assistant is speaking: interruptions, acknowledgements, noise, its own echo.

Each function makes one kind of scene; knows no recogniser and no features.
"""

from __future__ import annotations

import numpy as np

from model.duplex.classes import Outcome
from model.training.duplex.floor_scenes import (
    Company,
    put_reply,
    put_turn,
)
from model.training.duplex.performance import Performance
from model.training.duplex.scene import Scene, Span
from model.training.duplex.stage import Stage
from model.training.duplex.utterance import Utterance

EVENT_TAIL_S = 0.4  # an event's class stays right for so long after its end
_FIRST_EVENT_S = (0.6, 5.0)  # many before the canceller has converged
_BETWEEN_S = (1.2, 3.0)
_REPLY_S = (6.0, 12.0)
_SOFT_DB = (-14.0, 0.0)  # of acknowledgements against other speech
_EVENT_DB = (-12.0, 8.0)
_DISTANT_DB, _AVERTED_DB = (-20.0, -10.0), (-12.0, -5.0)
_YIELD_S = (0.25, 0.9)  # from the onset until the reply falls silent
_TAIL_S = 0.4
_P_KNOWN_TEXT = 0.6
_P_SENTENCE = 0.3


def echo_only(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Nobody but the assistant itself, from the first moment on."""
    stage, reply = _speaking(company, language, rng)
    return _finished(stage, "echo_only", reply, rng)


def interruption(company: Company, language: str, rng: np.random.Generator) -> Scene:
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


def yielded(company: Company, language: str, rng: np.random.Generator) -> Scene:
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
    return stage.finish("yielded", end_s + _TAIL_S, knows_agent_text=_knows_text(rng))


def backchannel(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """The user acknowledges, once or a few times, mostly softly."""
    stage, reply = _speaking(company, language, rng)
    at_s = reply.start_s + float(rng.uniform(*_FIRST_EVENT_S))
    while at_s < reply.end_s - 1.0:
        span = stage.say(company.cast.burst(language, rng), at_s, float(rng.uniform(*_SOFT_DB)))
        stage.label(span.start_s, span.end_s + EVENT_TAIL_S, Outcome.BACKCHANNEL)
        at_s = span.end_s + float(rng.uniform(*_BETWEEN_S)) * 1.3
    return _finished(stage, "backchannel", reply, rng)


def acknowledged_demand(company: Company, language: str, rng: np.random.Generator) -> Scene:
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


def noise_over_reply(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Sounds of people and things that want nothing."""
    stage, reply = _speaking(company, language, rng)
    at_s = reply.start_s + float(rng.uniform(*_FIRST_EVENT_S))
    while at_s < reply.end_s - 0.5:
        _, samples = company.stock.event(rng, is_breath=bool(rng.random() < 0.4))
        span = stage.noise(samples, at_s, float(rng.uniform(*_EVENT_DB)))
        at_s = span.end_s + float(rng.uniform(0.5, 2.5))
    return _finished(stage, "noise_over_reply", reply, rng)


def others_over_reply(company: Company, language: str, rng: np.random.Generator) -> Scene:
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
        level_db = float(rng.uniform(*(_AVERTED_DB if is_averted else _DISTANT_DB)))
        said = company.performer.plain("plain", language, rng).utterance
        span = stage.others_say(said, at_s, level_db, is_averted=is_averted)
        at_s = span.end_s + float(rng.uniform(0.5, 2.0))
    return _finished(stage, "others_over_reply", reply, rng)


def resumed(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """The assistant answers in a pause of the user, who goes on: he was cut off."""
    stage = Stage(company.stock.room(rng, is_echo=True), language, rng)
    first, second = company.performer.split("plain", language, rng)
    at_s = float(rng.uniform(0.4, 1.2))
    span = stage.say(first, at_s)
    begin_s = span.end_s + float(rng.uniform(0.5, 1.2))
    stage.label(span.start_s, begin_s, Outcome.CONTINUE)
    onset_s = begin_s + float(rng.uniform(0.15, 1.5))
    stop_s = onset_s + float(rng.uniform(*_YIELD_S))
    put_reply(stage, company, stop_s - begin_s, begin_s, rng)
    end_s = put_turn(stage, Performance(second, ()), onset_s)
    speech_end_s = onset_s + second.seconds
    stage.label(onset_s, speech_end_s + EVENT_TAIL_S, Outcome.INTERRUPTION)
    return stage.finish("resumed", end_s + _TAIL_S, knows_agent_text=_knows_text(rng))


def _speaking(company: Company, language: str, rng: np.random.Generator) -> tuple[Stage, Span]:
    stage = Stage(company.stock.room(rng, is_echo=True), language, rng)
    return stage, put_reply(stage, company, float(rng.uniform(*_REPLY_S)), 0.3, rng)


def _finished(stage: Stage, kind: str, reply: Span, rng: np.random.Generator) -> Scene:
    """Ends with the reply; words belong to one burst of speech each."""
    return stage.finish(
        kind, reply.end_s + _TAIL_S, one_turn=False, knows_agent_text=_knows_text(rng)
    )


def _knows_text(rng: np.random.Generator) -> bool:
    return bool(rng.random() < _P_KNOWN_TEXT)


def _demand(company: Company, language: str, rng: np.random.Generator) -> Utterance:
    """A word, a command, a question, a sentence."""
    if rng.random() < _P_SENTENCE:
        if company.cast.has_readings(language) and rng.random() < 0.4:
            return company.cast.reading(language, rng)
        return company.performer.plain("plain", language, rng).utterance
    role = str(rng.choice(("command", "command", "word", "question", "question")))
    return company.cast.short(role, language, rng)


def _wish(company: Company, language: str, rng: np.random.Generator) -> Performance:
    """What an interruption becomes when it is let through."""
    chance = rng.random()
    if chance < 0.35:
        return company.performer.plain("plain", language, rng)
    if chance < 0.6:
        return company.performer.paused("plain", language, rng)
    role = "command" if chance < 0.8 else "question"
    return Performance(company.cast.short(role, language, rng), ())

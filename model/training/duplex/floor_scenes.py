"""Scenes in which the user has the floor: turns with and without pauses, and sounds that are none.

Each function makes one kind of scene; knows no recogniser and no features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.duplex.classes import Outcome
from model.training.duplex.cast import Cast
from model.training.duplex.performance import Performance, Performer
from model.training.duplex.room import SoundStock
from model.training.duplex.scene import Scene, Span
from model.training.duplex.stage import Stage

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
class Company:
    """Everybody and everything a scene of one split is made with."""

    cast: Cast
    performer: Performer
    stock: SoundStock


def whole_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Said in one go; real read speech among it."""
    if company.cast.has_readings(language) and rng.random() < _P_REAL:
        return _turn(company, language, rng, company.performer.read(language, rng), "whole_turn")
    performance = company.performer.plain("plain", language, rng)
    return _turn(company, language, rng, performance, "whole_turn")


def paused_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Pauses where people stop to think, mostly after function words."""
    if company.cast.has_readings(language) and rng.random() < _P_REAL:
        performance = company.performer.read(language, rng)
    else:
        performance = company.performer.paused("plain", language, rng)
    return _turn(company, language, rng, performance, "paused_turn")


def hesitant_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Fillers, restarts."""
    performance = company.performer.paused("hesitant", language, rng)
    return _turn(company, language, rng, performance, "hesitant_turn")


def listing_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Things one after the other."""
    performance = company.performer.paused("list", language, rng)
    return _turn(company, language, rng, performance, "listing_turn")


def dictating_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Telephone numbers, addresses, codes."""
    performance = company.performer.paused("numbers", language, rng)
    return _turn(company, language, rng, performance, "dictating_turn")


def correcting_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """The speaker changes course."""
    performance = company.performer.paused("correction", language, rng)
    return _turn(company, language, rng, performance, "correcting_turn")


def telling_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Several sentences in one turn."""
    performance = company.performer.paused("story", language, rng)
    return _turn(company, language, rng, performance, "telling_turn")


def truncated_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Stops in mid-phrase and stays silent."""
    performance = company.performer.truncated("plain", language, rng)
    return _turn(company, language, rng, performance, "truncated_turn")


def short_turn(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """A word or two are all there is; a mere filler promises more."""
    role = str(rng.choice(("short_turn", "short_turn", "command", "word", "question", "filler")))
    said = company.cast.short(role, language, rng)
    performance = Performance(said, (), is_complete=role != "filler")
    return _turn(company, language, rng, performance, "short_turn")


def sounds(company: Company, language: str, rng: np.random.Generator) -> Scene:
    """Coughs, keys, doors, music: nobody said anything."""
    stage = _stage(company, language, rng)
    at_s = float(rng.uniform(*_LEAD_S))
    for _ in range(int(rng.integers(1, 4))):
        _, samples = company.stock.event(rng)
        span = stage.noise(samples, at_s, float(rng.uniform(*_EVENT_DB)))
        stage.label(span.start_s, span.end_s + NOISE_TAIL_S, Outcome.NOISE)
        at_s = span.end_s + float(rng.uniform(NOISE_TAIL_S, 2.5))
    return stage.finish("sounds", at_s + _TAIL_S)


def other_people(company: Company, language: str, rng: np.random.Generator) -> Scene:
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
    stage.label(span.start_s, span.end_s, Outcome.CONTINUE)
    if performance.is_complete:
        stage.label(span.end_s, span.end_s + LISTENING_S, Outcome.END_OF_TURN)
        return span.end_s + LISTENING_S
    stage.label(span.end_s, span.end_s + STUCK_S, Outcome.CONTINUE)
    return span.end_s + STUCK_S


def put_reply(
    stage: Stage, company: Company, seconds: float, at_s: float, rng: np.random.Generator
) -> Span:
    """The assistant speaks for about so long, undisturbed."""
    said = company.cast.assistant(stage.language, seconds, rng)
    span = stage.agent_says(said, at_s, at_s + seconds)
    stage.agent_speaks(Span(span.start_s, span.end_s + float(rng.uniform(0.0, 0.3))))
    return span


def _stage(company: Company, language: str, rng: np.random.Generator) -> Stage:
    return Stage(company.stock.room(rng, is_echo=False), language, rng)


def _turn(
    company: Company,
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
    company: Company,
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

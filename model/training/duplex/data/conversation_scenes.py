"""The kinds of made-up scenes, as one table.

Turns: the user has the floor, with or without pauses. Sounds and other people: nobody talks to the
assistant. Overlaps: the assistant is speaking, and there are interruptions, backchannels, noises.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from model.duplex.outcomes import Outcome
from model.training.duplex.data.chance import between
from model.training.duplex.data.performance import Performance, Performer
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.scene import Scene, Span
from model.training.duplex.data.scene_mixer import SceneMixer
from model.training.duplex.data.speaker_pool import SpeakerPool
from model.training.duplex.data.utterance import Utterance

LISTENING_S = 3.0  # of silence after an end that are labelled: by then anybody would answer
STUCK_S = 2.5  # of silence after which a turn that stopped in mid-phrase is nobody's fault
NOISE_TAIL_S = 1.0  # after a sound that opened a turn
EVENT_TAIL_S = 0.4  # an event's class stays right for so long after its end
_TAIL_S = 0.4
_LEAD_S = (0.4, 1.6)
_REPLY_S, _LONG_REPLY_S = (1.5, 4.0), (6.0, 12.0)
_RESPONSE_S = (0.6, 0.4)  # mean and spread of people's answers (MinMo, section on duplex data)
_P_REPLY_BEFORE = 0.35
_P_NOISE_INSIDE, _P_NOISE_AFTER = 0.15, 0.1
_P_REAL = 0.25
_P_SENTENCE = 0.3
_P_KNOWN_TEXT = 0.6
_DISTANT_DB, _AVERTED_DB = (-20.0, -10.0), (-12.0, -5.0)
_SOUND_DB, _SOUND_OVER_REPLY_DB, _FAINT_SOUND_DB = (-14.0, 4.0), (-12.0, 8.0), (-20.0, -6.0)
_SOFT_DB = (-14.0, 0.0)  # of backchannels against other speech
_FIRST_EVENT_S = (0.6, 5.0)  # many before the canceller has converged
_BETWEEN_S = (1.2, 3.0)
_YIELD_S = (0.25, 0.9)  # from the onset until the reply falls silent


@dataclass(frozen=True, slots=True, eq=False)
class SceneContext:
    """Everybody and everything that the scenes of one split are made with."""

    pool: SpeakerPool
    performer: Performer
    stock: SoundStock


class _Scene:
    """A scene in the making; its methods draw from one generator, so their order matters."""

    mixer: SceneMixer

    def __init__(
        self, kind: str, context: SceneContext, language: str, rng: np.random.Generator
    ) -> None:
        self.kind = kind
        self.pool, self.performer, self.stock = context.pool, context.performer, context.stock
        self.language = language
        self.rng = rng

    def draw(self, limits: tuple[float, float]) -> float:
        return between(self.rng, limits)

    def happens(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def one_of(self, *roles: str) -> str:
        return str(self.rng.choice(roles))

    def enter_room(self, *, is_echo: bool) -> None:
        room = self.stock.room(self.rng, is_echo=is_echo)
        self.mixer = SceneMixer(room, self.language, self.rng)

    def finish(self, end_s: float, *, one_turn: bool = True) -> Scene:
        knows_text = self.happens(_P_KNOWN_TEXT)
        return self.mixer.finish(
            self.kind, end_s + _TAIL_S, one_turn=one_turn, knows_agent_text=knows_text
        )

    # What is said

    def plain(self) -> Performance:
        return self.performer.plain("plain", self.language, self.rng)

    def paused(self, text_kind: str = "plain") -> Performance:
        return self.performer.paused(text_kind, self.language, self.rng)

    def truncated(self) -> Performance:
        return self.performer.truncated("plain", self.language, self.rng)

    def or_read(self, perform: Callable[[], Performance]) -> Performance:
        """Real read speech now and then, where there is some."""
        if self.pool.has_readings(self.language) and self.happens(_P_REAL):
            return self.performer.read(self.language, self.rng)
        return perform()

    def short(self) -> Performance:
        """A word or two are all there is; a mere filler promises more."""
        role = self.one_of("short_turn", "short_turn", "command", "word", "question", "filler")
        said = self.pool.short(role, self.language, self.rng)
        return Performance(said, (), is_complete=role != "filler")

    def wish(self) -> Performance:
        """What an interruption becomes when it is let through."""
        chance = self.rng.random()
        if chance < 0.6:
            return self.plain() if chance < 0.35 else self.paused()
        role = "command" if chance < 0.8 else "question"
        return Performance(self.pool.short(role, self.language, self.rng), ())

    def demand(self) -> Utterance:
        """A word, a command, a question, a sentence."""
        if self.happens(_P_SENTENCE):
            if self.pool.has_readings(self.language) and self.happens(0.4):
                return self.pool.reading(self.language, self.rng)
            return self.plain().utterance
        role = self.one_of("command", "command", "word", "question", "question")
        return self.pool.short(role, self.language, self.rng)

    # Parts of a scene

    def put_turn(self, performance: Performance, at_s: float) -> float:
        """Let the user take this turn; return when nothing is asked any more."""
        span = self.mixer.say(performance.utterance, at_s)
        self.mixer.label(span.start_s, span.end_s, Outcome.HOLD)
        outcome, after_s = Outcome.HOLD, STUCK_S
        if performance.is_complete:
            outcome, after_s = Outcome.END_OF_TURN, LISTENING_S
        self.mixer.label(span.end_s, span.end_s + after_s, outcome)
        return span.end_s + after_s

    def put_reply(self, seconds: float, at_s: float = 0.3) -> Span:
        """Let the assistant speak for so long; return when it is audible."""
        said = self.pool.assistant(self.language, seconds, self.rng)
        span = self.mixer.agent_says(said, at_s, at_s + seconds)
        self.mixer.agent_speaks(Span(span.start_s, span.end_s + self.draw((0.0, 0.3))))
        return span

    def put_sound(
        self, at_s: float, level_db: tuple[float, float], *, is_breath: bool = False
    ) -> Span:
        _, samples = self.stock.event(self.rng, is_breath=is_breath)
        return self.mixer.noise(samples, at_s, self.draw(level_db))

    def put_others(self, at_s: float) -> Span:
        """Let people in the background talk, or the user to somebody else; return when."""
        is_averted = self.happens(0.3)
        level_db = self.draw(_AVERTED_DB if is_averted else _DISTANT_DB)
        said = self.plain().utterance
        return self.mixer.others_say(said, at_s, level_db, is_averted=is_averted)

    def put_faint_sounds(self, performance: Performance, at_s: float) -> None:
        """Put sounds in a pause or after the end; they change nothing about the turn."""
        if performance.pauses and self.happens(_P_NOISE_INSIDE):
            pause = performance.pauses[int(self.rng.integers(len(performance.pauses)))]
            self.put_sound(at_s + pause.start_s + 0.1, _FAINT_SOUND_DB, is_breath=True)
        if self.happens(_P_NOISE_AFTER):
            _, samples = self.stock.event(self.rng)
            after_s = at_s + performance.utterance.seconds + self.draw((0.3, 2.0))
            self.mixer.noise(samples, after_s, self.draw(_FAINT_SOUND_DB))

    def label_event(self, span: Span, outcome: Outcome) -> None:
        self.mixer.label(span.start_s, span.end_s + EVENT_TAIL_S, outcome)

    # Whole scenes

    def turn(self, performance: Performance) -> Scene:
        """A turn of the user, sometimes after a reply of the assistant."""
        has_reply = self.happens(_P_REPLY_BEFORE)
        self.enter_room(is_echo=has_reply)
        at_s = self.draw(_LEAD_S)
        if has_reply:
            reply = self.put_reply(self.draw(_REPLY_S))
            at_s = reply.end_s + max(0.4, float(self.rng.normal(*_RESPONSE_S)))
        end_s = self.put_turn(performance, at_s)
        self.put_faint_sounds(performance, at_s)
        return self.finish(end_s)

    def nobody(self, put: Callable[[float], Span], most: int, gap_s: tuple[float, float]) -> float:
        """Sounds that nobody made for the assistant; return when the last one is over."""
        self.enter_room(is_echo=False)
        at_s = self.draw(_LEAD_S)
        for _ in range(int(self.rng.integers(1, most + 1))):
            span = put(at_s)
            self.mixer.label(span.start_s, span.end_s + NOISE_TAIL_S, Outcome.NOISE)
            at_s = span.end_s + self.draw(gap_s)
        return at_s

    def sounds(self) -> Scene:
        """Coughs, keys, doors, music: nobody said anything."""
        end_s = self.nobody(lambda at_s: self.put_sound(at_s, _SOUND_DB), 3, (NOISE_TAIL_S, 2.5))
        return self.mixer.finish(self.kind, end_s + _TAIL_S)

    def other_people(self) -> Scene:
        """People in the background, a television, or the user talking to somebody else."""
        end_s = self.nobody(self.put_others, 2, (0.5, 2.0))
        return self.mixer.finish(self.kind, end_s + NOISE_TAIL_S)

    def overlap(self, add_events: Callable[[Span], None] = lambda _: None) -> Scene:
        """A long reply that goes on whatever is said; words belong to one burst of speech each."""
        self.enter_room(is_echo=True)
        reply = self.put_reply(self.draw(_LONG_REPLY_S))
        add_events(reply)
        return self.finish(reply.end_s, one_turn=False)

    def yielded(self) -> Scene:
        """The reply stops soon after the onset, and the user says what he wants."""
        self.enter_room(is_echo=True)
        onset_s = 0.3 + self.draw(_FIRST_EVENT_S)
        stop_s = onset_s + self.draw(_YIELD_S)
        performance = self.wish()
        self.put_reply(stop_s - 0.3)
        return self.interrupted(performance, onset_s)

    def resumed(self) -> Scene:
        """The assistant answers in a pause of the user, who goes on: he was cut off."""
        self.enter_room(is_echo=True)
        first, second = self.performer.split("plain", self.language, self.rng)
        span = self.mixer.say(first, self.draw((0.4, 1.2)))
        begin_s = span.end_s + self.draw((0.5, 1.2))
        self.mixer.label(span.start_s, begin_s, Outcome.HOLD)
        onset_s = begin_s + self.draw((0.15, 1.5))
        self.put_reply(onset_s + self.draw(_YIELD_S) - begin_s, begin_s)
        return self.interrupted(Performance(second, ()), onset_s)

    def interrupted(self, performance: Performance, onset_s: float) -> Scene:
        """A turn that begins as an interruption of a reply that stops."""
        end_s = self.put_turn(performance, onset_s)
        span = Span(onset_s, onset_s + performance.utterance.seconds)
        self.label_event(span, Outcome.INTERRUPTION)
        return self.finish(end_s)

    # What happens during a reply

    def interruptions(self, reply: Span) -> None:
        """One or two attempts to take the floor."""
        at_s = reply.start_s + self.draw(_FIRST_EVENT_S)
        for _ in range(int(self.rng.integers(1, 3))):
            span = self.mixer.say(self.demand(), at_s, self.draw((-3.0, 4.0)))
            self.label_event(span, Outcome.INTERRUPTION)
            at_s = span.end_s + self.draw(_BETWEEN_S)
            if at_s > reply.end_s - 1.0:
                break

    def backchannels(self, reply: Span) -> None:
        """The user acknowledges, once or a few times, mostly softly."""
        at_s = reply.start_s + self.draw(_FIRST_EVENT_S)
        while at_s < reply.end_s - 1.0:
            said = self.pool.backchannels(self.language, self.rng)
            span = self.mixer.say(said, at_s, self.draw(_SOFT_DB))
            self.label_event(span, Outcome.BACKCHANNEL)
            at_s = span.end_s + self.draw(_BETWEEN_S) * 1.3

    def acknowledged_demand(self, reply: Span) -> None:
        """A backchannel that turns out to open a turn: "yeah, but what about ..."."""
        at_s = reply.start_s + self.draw(_FIRST_EVENT_S)
        opener, demand = self.pool.acknowledged_demand(self.language, self.rng)
        span = self.mixer.say(opener, at_s, self.draw((-6.0, 2.0)))
        then_s = span.end_s + self.draw((0.02, 0.5))
        rest = self.mixer.say(demand, then_s, self.draw((-3.0, 3.0)))
        self.mixer.label(span.start_s, rest.start_s, Outcome.BACKCHANNEL)
        self.label_event(rest, Outcome.INTERRUPTION)

    def noises(self, reply: Span) -> None:
        """Sounds of people and things that want nothing."""
        at_s = reply.start_s + self.draw(_FIRST_EVENT_S)
        while at_s < reply.end_s - 0.5:
            span = self.put_sound(at_s, _SOUND_OVER_REPLY_DB, is_breath=self.happens(0.4))
            at_s = span.end_s + self.draw((0.5, 2.5))

    def others(self, reply: Span) -> None:
        """Other people, a television, a meeting next door, or the user talking to somebody else."""
        at_s = reply.start_s + self.draw((0.3, 3.0))
        if self.happens(0.2):
            crowd = self.stock.crowd(self.rng, reply.end_s - at_s)
            if crowd is not None:
                self.mixer.noise(crowd, at_s, self.draw((-22.0, -12.0)))
                return
        while at_s < reply.end_s - 1.0:
            at_s = self.put_others(at_s).end_s + self.draw((0.5, 2.0))


@dataclass(frozen=True, slots=True)
class SceneKind:
    """A row of the table; the shares need not add up to anything."""

    share: float
    maker: Callable[[_Scene], Scene]


SCENE_KINDS: Mapping[str, SceneKind] = {
    "whole_turn": SceneKind(9.0, lambda s: s.turn(s.or_read(s.plain))),
    "paused_turn": SceneKind(16.0, lambda s: s.turn(s.or_read(s.paused))),
    "hesitant_turn": SceneKind(5.0, lambda s: s.turn(s.paused("hesitant"))),
    "listing_turn": SceneKind(3.0, lambda s: s.turn(s.paused("list"))),
    "dictating_turn": SceneKind(5.0, lambda s: s.turn(s.paused("numbers"))),
    "correcting_turn": SceneKind(3.0, lambda s: s.turn(s.paused("correction"))),
    "telling_turn": SceneKind(4.0, lambda s: s.turn(s.paused("story"))),
    "truncated_turn": SceneKind(9.0, lambda s: s.turn(s.truncated())),
    "short_turn": SceneKind(5.0, lambda s: s.turn(s.short())),
    "sounds": SceneKind(3.0, lambda s: s.sounds()),
    "other_people": SceneKind(3.0, lambda s: s.other_people()),
    "echo_only": SceneKind(4.0, lambda s: s.overlap()),
    "interruption": SceneKind(11.0, lambda s: s.overlap(s.interruptions)),
    "yielded": SceneKind(5.0, lambda s: s.yielded()),
    "backchannel": SceneKind(11.0, lambda s: s.overlap(s.backchannels)),
    "acknowledged_demand": SceneKind(4.0, lambda s: s.overlap(s.acknowledged_demand)),
    "noise_over_reply": SceneKind(5.0, lambda s: s.overlap(s.noises)),
    "others_over_reply": SceneKind(3.0, lambda s: s.overlap(s.others)),
    "resumed": SceneKind(3.0, lambda s: s.resumed()),
}


def make_scene(kind: str, context: SceneContext, language: str, rng: np.random.Generator) -> Scene:
    """Return a scene of one of ``SCENE_KINDS``; the same draws give the same scene."""
    return SCENE_KINDS[kind].maker(_Scene(kind, context, language, rng))

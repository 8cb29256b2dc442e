"""Random walks through the dialogue: whatever happens in whatever order, its promises hold."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from app.dialogue.controller import step
from app.dialogue.effects import (
    ArmDeadline,
    CancelGeneration,
    CommitHeard,
    DisarmDeadline,
    Duck,
    Effect,
    FadeAndFlush,
    FinishHearing,
    HardFlush,
    OpenTurn,
    PlayReply,
    Resume,
    StartGeneration,
)
from app.dialogue.events import (
    ConversationOpened,
    DeadlineKind,
    DeadlineReached,
    DialogueEvent,
    DuplexPrediction,
    EchoConvergenceChanged,
    GenerationEnded,
    GenerationFailed,
    MicrophoneSwitched,
    ModeChosen,
    ModelLeft,
    ModelReady,
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    SpeechEnded,
    SpeechStarted,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
    TurnTranscribed,
    WorkerFailed,
)
from app.dialogue.state import DialogueRules, DialogueState, Phase
from audio_io.events import PlayoutReport
from model.types import TurnKey

N_WALKS = 20_000
N_STEPS = 40
RULES = DialogueRules(stop_phrases=("stop",), backchannels=("yeah",))
LIVE = (Phase.THINKING, Phase.SPEAKING, Phase.OVERLAP, Phase.YIELDING)


@dataclass
class World:
    """A loudspeaker, a model and timers that behave, seen through their effects."""

    state: DialogueState = field(default_factory=DialogueState)
    asked: list[TurnKey] = field(default_factory=list)
    started: set[int] = field(default_factory=set)  # generations the model works on
    released: set[int] = field(default_factory=set)  # may be heard
    audible: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)  # playback reported over
    heard: dict[int, int] = field(default_factory=dict)
    timers: dict[DeadlineKind, int] = field(default_factory=dict)
    cancels: Counter[int] = field(default_factory=Counter)
    commits: Counter[int] = field(default_factory=Counter)
    is_user_speaking: bool = False

    def take(self, event: DialogueEvent) -> tuple[Effect, ...]:
        before = self.state
        self.state, effects = step(before, event, RULES)
        for effect in effects:
            self._perform(effect)
        return effects

    def _perform(self, effect: Effect) -> None:
        match effect:
            case FinishHearing(key=key):
                self.asked.append(key)
            case OpenTurn():
                pass
            case StartGeneration(generation=generation):
                assert generation not in self.started, "a generation is started once"
                self.started.add(generation)
            case PlayReply(generation=generation):
                assert generation in self.started, "only what was started is played"
                self.released.add(generation)
            case CancelGeneration(generation=generation):
                self.cancels[generation] += 1
            case CommitHeard(report=report):
                self.commits[report.generation] += 1
                assert report.heard_text_end > 0, "nothing unheard is committed"
            case ArmDeadline(kind=kind, token=token):
                self.timers[kind] = token
            case DisarmDeadline(kind=kind):
                self.timers.pop(kind, None)
            case Duck() | Resume() | FadeAndFlush() | HardFlush():
                pass
            case _:
                pass


def _playable(world: World) -> list[int]:
    return sorted(world.released - world.ended)


def random_event(world: World, rng: random.Random) -> DialogueEvent:
    """Something that the outside may do now; stale things included."""
    choices: list[DialogueEvent] = [
        DuplexPrediction(
            0.0,
            p_end_of_turn=rng.random(),
            p_interruption=rng.random(),
            p_backchannel=rng.random(),
            p_noise=rng.random(),
            is_stop_word=rng.random() < 0.05,
        ),
        StopRequested(),
        EchoConvergenceChanged(rng.random() < 0.8),
        ModelReady("scripted", 24_000, (), 0.0),
        TalkPressed(),
        TalkReleased(),
        ModeChosen(rng.random() < 0.8),
        MicrophoneSwitched(rng.random() < 0.8),
        TextSubmitted(rng.choice(["hello", " "])),
    ]
    voice: DialogueEvent = (
        SpeechEnded(0.0, 0.2) if world.is_user_speaking else SpeechStarted(0.0, 0.1)
    )
    choices += [voice] * 6
    if rng.random() < 0.05:
        choices += [WorkerFailed("model", "gone"), ConversationOpened(), ModelLeft("full")]
    if world.asked:
        text = rng.choice(["", "stop", "yeah", "what is the time", None])
        choices += [TurnTranscribed(rng.choice(world.asked[-3:]), text, "en", 0.1)] * 5
    choices += [DeadlineReached(kind, token) for kind, token in world.timers.items()]
    choices.append(DeadlineReached(rng.choice(list(DeadlineKind)), rng.randrange(50)))
    for generation in _playable(world):
        if generation not in world.audible:
            choices += [PlaybackStarted(generation, 0.0)] * 3
        else:
            choices.append(PlaybackProgressed(generation, rng.randrange(1, 9), 0.0))
        choices += [_ended(world, generation, rng)] * 2
    for generation in sorted(world.started)[-2:]:
        choices.append(GenerationFailed(generation, "noise"))
        choices.append(GenerationEnded(generation, rng.choice([0, 100]), False, 0.0))
    return rng.choice(choices)


def _ended(world: World, generation: int, rng: random.Random) -> PlaybackEnded:
    heard = rng.randrange(1, 9) if generation in world.audible else 0
    return PlaybackEnded(PlayoutReport(generation, heard, heard, True, False, 0.0), 0.0)


def _observe(world: World, event: DialogueEvent) -> None:
    match event:
        case SpeechStarted():
            world.is_user_speaking = True
        case SpeechEnded():
            world.is_user_speaking = False
        case PlaybackStarted(generation=generation):
            world.audible.add(generation)
        case PlaybackEnded(report=report):
            world.ended.add(report.generation)
            world.heard[report.generation] = report.heard_text_end
        case DeadlineReached(kind=kind, token=token):
            if world.timers.get(kind) == token:
                del world.timers[kind]
        case _:
            pass


def check(world: World, event: DialogueEvent) -> None:
    state = world.state
    assert (state.live is not None) == (state.phase in LIVE), event
    assert state.is_ducked == (state.phase is Phase.OVERLAP), event
    assert all(n <= 1 for n in world.commits.values()), event
    assert all(n <= 1 for n in world.cancels.values()), event
    if state.phase is Phase.OVERLAP:
        assert state.turn is not None, event
    if state.prepared is not None:
        assert state.phase in (Phase.LISTENING, Phase.STARTING), event
    # A finished user turn is never forgotten: something will ask for its answer.
    is_waiting = (
        state.phase is Phase.LISTENING
        and state.owes_reply
        and state.turn is not None
        and not state.is_user_speaking
    )
    if is_waiting:
        assert DeadlineKind.ENDPOINT in world.timers, event


@pytest.mark.parametrize("seed", range(20))
def test_random_walks_keep_every_promise(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(N_WALKS // 20):
        world = World()
        world.take(ModelReady("scripted", 24_000, (), 0.0))
        world.take(EchoConvergenceChanged(True))
        for _ in range(N_STEPS):
            event = random_event(world, rng)
            _observe(world, event)
            world.take(event)
            check(world, event)
        for generation, heard in world.heard.items():
            if heard > 0 and generation in world.audible:
                assert world.commits[generation] == 1, "heard, so committed"

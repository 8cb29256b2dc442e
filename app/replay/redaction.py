"""A replay bundle that may be shown to others: no sound, no words, the same decisions.

Levels, probabilities, evidence and events stay; of each text its number of words, and whether it is
an order or an acknowledgement, because the controller decides by that. Spectra are not added:
speech can be rebuilt from them. Knows the dialogue's types, no predictor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from app.dialogue.controller import step
from app.dialogue.effects import CommitUserTurn, Effect, ReportError, StartGeneration
from app.dialogue.events import (
    DeviceLost,
    DeviceReturned,
    DialogueEvent,
    GenerationFailed,
    LoadProgress,
    ModelLeft,
    ModelReady,
    SpeechChunk,
    TextDelta,
    TextSubmitted,
    TranscriptPartial,
    TurnTranscribed,
    WorkerFailed,
)
from app.dialogue.phrases import is_backchannel, is_stop_phrase, sounds_like_stop_word, words
from app.dialogue.state import DialogueRules, DialogueState, DialogueStepped
from app.messages.errors import BadInputError
from app.replay.bundle import Bundle, RecordedStep
from app.replay.codec import Row
from app.replay.tap import Moment, PredictorBegan, PredictorReset, PredictorStepped
from app.replay.writer import MANIFEST, BundleWriter
from app.settings.settings import Settings

_ORDER, _NEARLY_ORDER, _ACKNOWLEDGEMENT, _WORD = "stop", "stap", "yes", "word"
_NO_WORD = "…"
_TEXTS = 4096  # rows repeat the same few

_TOLD = """\
{folder}: without sound and words, {seconds:.0f} s, {steps} steps
kept: levels, voice and duplex probabilities, evidence in numbers, events, how many words a text has
left out: sound, spectra, words, names of devices, messages of errors
replayed by `parley replay`: the controller, with the predictions that were recorded
not replayed: the predictor, which needs the sound
"""


def redact(bundle: Bundle, out: Path) -> str:
    """Writes the redacted bundle into ``out``; returns what to tell about it.

    Raises BadInputError when ``out`` is in use, or when a decision would come out differently.
    """
    if (out / MANIFEST).exists():
        raise BadInputError(out, "", "holds a bundle already", "choose another folder")
    moments = tuple(_moments(bundle))  # a bundle that cannot be redacted leaves nothing behind
    source, weights = str(bundle.manifest["source"]), bundle.manifest["weights"]
    writer = BundleWriter(out, source, weights, is_redacted=True)
    try:
        for moment in moments:
            writer.take(moment)
        writer.close()
    except OSError as error:
        raise BadInputError(out, "", f"cannot be written: {error}", "choose another") from None
    seconds = bundle.manifest["n_frames"] / 100
    return _TOLD.format(folder=out, seconds=seconds, steps=len(bundle.steps))


@lru_cache(maxsize=_TEXTS)
def stand_in(text: str, rules: DialogueRules) -> str:
    """Another text that the controller takes for the same kind of thing."""
    spoken = words(text)
    if not spoken:
        return _NO_WORD if text.strip() else text
    if is_stop_phrase(text, rules.stop_phrases):
        return _ORDER
    if is_backchannel(text, rules.backchannels):
        return _ACKNOWLEDGEMENT
    if sounds_like_stop_word(text, rules.stop_phrases):
        return _NEARLY_ORDER
    return " ".join([_WORD] * len(spoken))


def _moments(bundle: Bundle) -> Iterator[Moment]:
    """Steps in their order, each after the frame it hangs on."""
    rules = bundle.steps[0].rules if bundle.steps else DialogueRules()
    frames = _frames(bundle, rules)
    next_frame = 0
    state = _quiet_state(bundle.state, rules)
    for recorded in bundle.steps:
        while recorded.frame is not None and next_frame <= recorded.frame:
            yield from next(frames)
            next_frame += 1
        stepped, state = _stepped(bundle, recorded, state)
        yield stepped
    for rest in frames:
        yield from rest


def _frames(bundle: Bundle, rules: DialogueRules) -> Iterator[list[Moment]]:
    """What belongs to each row."""
    changes = list(bundle.changes)
    for frame, row in enumerate(bundle.rows()):
        moments: list[Moment] = []
        while changes and changes[0].frame <= frame:
            settings = changes.pop(0).settings
            began = PredictorReset() if settings is None else PredictorBegan(_quiet(settings))
            moments.append(began)
        user, agent = _quiet_row(row, rules)
        moments.append(PredictorStepped(user, agent, bundle.predictions.get(frame)))
        yield moments


def _stepped(
    bundle: Bundle, recorded: RecordedStep, state: DialogueState
) -> tuple[DialogueStepped, DialogueState]:
    rules = recorded.rules
    known = recorded.event
    if known is None and recorded.frame is not None:
        known = bundle.predictions[recorded.frame]
    if known is None:
        raise BadInputError(bundle.folder, "", "has a step without an event", "record it again")
    event = _quiet_event(known, rules)
    quiet_rules = replace(rules, stop_phrases=(_ORDER,), backchannels=(_ACKNOWLEDGEMENT,))
    after, effects = step(state, event, quiet_rules)
    wanted = [_comparable(effect, rules) for effect in recorded.effects]
    if [_comparable(effect, quiet_rules) for effect in effects] != wanted:
        what = f"decides differently without its words at {recorded.now_s:.2f} s"
        raise BadInputError(bundle.folder, "", what, "replay it first: is it the same as recorded?")
    return DialogueStepped(recorded.now_s, event, state, quiet_rules, effects), after


def _comparable(effect: Effect, rules: DialogueRules) -> Effect:
    match effect:
        case CommitUserTurn(text=text):
            return replace(effect, text=stand_in(text, rules))
        case StartGeneration(user_text=str(text)):
            return replace(effect, user_text=stand_in(text, rules))
        case ReportError():
            return replace(effect, message="")
        case _:
            return effect


def _quiet_event(event: DialogueEvent, rules: DialogueRules) -> DialogueEvent:
    match event:
        case TextSubmitted(text=text) | TextDelta(text=text) | TranscriptPartial(text=text):
            return replace(event, text=stand_in(text, rules))
        case TurnTranscribed(text=text):
            quiet = None if text is None else stand_in(text, rules)
            return replace(event, text=quiet, manner="")
        case GenerationFailed(message=text) | WorkerFailed(message=text) | DeviceLost(message=text):
            return replace(event, message=_length(text))
        case DeviceReturned(name=text):
            return replace(event, name=_length(text))
        case ModelLeft(reason=text):
            return replace(event, reason=_length(text))
        case LoadProgress():
            return replace(event, note="")
        case ModelReady():
            return replace(event, voices=())
        case SpeechChunk():
            return replace(event, marks=())
        case _:
            return event


def _quiet_state(state: DialogueState, rules: DialogueRules) -> DialogueState:
    turn, typed = state.turn, state.typed_text
    if turn is not None and turn.text is not None:
        turn = replace(turn, text=stand_in(turn.text, rules))
    return replace(state, turn=turn, typed_text=None if typed is None else stand_in(typed, rules))


def _quiet_row(row: Row, rules: DialogueRules) -> Row:
    user, agent = row
    return (
        replace(user, partial_text=stand_in(user.partial_text, rules)),
        replace(agent, text_so_far=stand_in(agent.text_so_far, rules)),
    )


def _quiet(settings: Settings) -> Settings:
    conversation = replace(settings.conversation, extra_stop_words=())
    return replace(settings, conversation=conversation)


def _length(text: str) -> str:
    return f"({len(text)} characters)" if text else ""

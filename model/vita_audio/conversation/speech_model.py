"""VITA-Audio behind the ``SpeechModel`` protocol: it hears by ear, answers with text and sound.

While the user speaks their codes are put into the language model's cache; a reply that is cancelled
is cropped from it. History is text. Knows nothing of processes, devices or the dialogue's state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from audio_io.frames import AudioFrame
from model.errors import ModelError
from model.events import (
    LoadProgress,
    ReplyEvent,
    TranscriptPartial,
    TurnScored,
    TurnTranscribed,
)
from model.types import CancelToken, ReplyContext, ReplyRequest, TurnKey, VoiceChoice, VoicePreset
from model.vita_audio.conversation import prompts
from model.vita_audio.conversation.loading import LoadParts, VitaAudioParts
from model.vita_audio.conversation.prompts import DiscreteAudio, OpenTurn, Prompt
from model.vita_audio.conversation.spoken_reply import SpokenReply
from model.vita_audio.decoding.schedule import VANILLA
from model.vita_audio.language_model.tokens import TokenKind
from model.vita_audio.sense_voice.tags import SpeechTags

_RATE_HZ = 22_050  # of the published decoder, until one is loaded
_LANGUAGES = ("en", "zh")
_MOST_WORDS_TOKENS = 400  # of a transcript: two minutes of fast speech

# The decoder is never told who speaks: there is one voice, whatever is asked for.
_VOICES = (
    VoicePreset(
        id="vita",
        name="VITA",
        language="en",
        accent="English and Mandarin",
        gender="female",
        engine="vita-audio",
        sample_sentence="This is how I sound. I hear you while I speak.",
    ),
)


class VitaAudioModel:
    """``SpeechModel`` of one VITA-Audio directory. ``load_parts`` is called by ``load``."""

    def __init__(self, name: str, load_parts: LoadParts) -> None:
        self._name = name
        self._load_parts = load_parts
        self._parts: VitaAudioParts | None = None
        self._turn: TurnKey | None = None
        self._context = ReplyContext()
        self._heard_to_s = 0.0
        self._is_replying = False
        self._spoken: SpokenReply | None = None  # the latest reply, running or over

    @property
    def name(self) -> str:
        return self._name

    @property
    def sample_rate_hz(self) -> int:
        return _RATE_HZ if self._parts is None else self._parts.rate_hz

    def load(self, report: Callable[[LoadProgress], None]) -> None:
        self._parts = self._load_parts(report)
        self._prepare(ReplyContext())
        report(LoadProgress("prompt", 1.0))

    def voices(self) -> tuple[VoicePreset, ...]:
        return _VOICES

    def begin_turn(self, key: TurnKey, context: ReplyContext) -> None:
        parts = self._loaded()
        if self._turn is None or key.turn != self._turn.turn:
            parts.ear.begin()
            if parts.transcription is not None:
                parts.transcription.begin(key.turn)
        self._turn = key
        self._context = context
        self._prepare(context)

    def hear(self, frame: AudioFrame) -> Iterable[TranscriptPartial]:
        parts = self._loaded()
        if self._turn is None:
            return ()
        self._heard_to_s = frame.end_s
        if parts.ear.hear(frame.samples):
            self._prepare(self._context)
        return parts.transcription.hear(frame) if parts.transcription is not None else ()

    def finish_turn(self, key: TurnKey) -> Iterable[TurnTranscribed | TurnScored]:
        """Reads the open block and computes the whole prompt; the words come when they are ready.

        Only a short turn waits for them: it may be a stop word. Where the folder has a head for it,
        a score of whether the turn is over goes first.
        """
        parts = self._loaded()
        if self._turn is None or key.turn != self._turn.turn:
            return ()
        self._turn = key
        if parts.transcription is not None:
            parts.transcription.finish(key)
        parts.ear.pause()
        if parts.ear.audio is None:
            return (TurnTranscribed(key, "", self._context.language, 0.0),)
        tags = self._tags()
        self._prepare(self._context, is_over=True)
        language = self._language()
        written = parts.transcription.judged_by_words() if parts.transcription is not None else None
        heard = written or TurnTranscribed(key, None, language, 0.0)
        if tags is not None:
            heard = replace(heard, manner=tags.note())
        older = parts.transcription.of_turn_before() if parts.transcription is not None else None
        return tuple(e for e in (self._turn_score(key), older, heard) if e is not None)

    def _turn_score(self, key: TurnKey) -> TurnScored | None:
        """None: there is no head, or a reply is being made from another prompt."""
        parts = self._loaded()
        audio = parts.ear.audio
        if parts.judge is None or self._is_replying or not isinstance(audio, DiscreteAudio):
            return None
        start = len(self._open_turn(self._context).before_audio)
        states = parts.memory.states(start, start + len(audio.codes))
        if states is None:
            return None
        return TurnScored(key, parts.judge.p_end_of_turn(states), self._heard_to_s)

    def write_down(self, key: TurnKey) -> TurnTranscribed:
        """Asks the language model itself for the words of the turn that was finished last.

        Greedy and without MCTP, the best it can do; blocks until they are there: for recordings.
        """
        parts = self._loaded()
        began_s = time.perf_counter()
        audio = parts.ear.audio
        if audio is None:
            return TurnTranscribed(key, "", self._context.language, 0.0)
        options = replace(parts.spoken, schedule=VANILLA, max_new_tokens=_MOST_WORDS_TOKENS)
        stream = parts.tokenizer.open_stream()
        text = ""
        parts.memory.align(prompts.recognition(parts.tokenizer, audio), parts.ear.features)
        try:
            for token in parts.memory.decode(options, CancelToken()):
                if token.kind is TokenKind.BEGIN_AUDIO:
                    break
                if token.kind is TokenKind.TEXT:
                    text += stream.push(token.id)
        finally:
            parts.memory.roll_back()
        text = (text + stream.finish()).strip()
        return TurnTranscribed(key, text, self._language(), time.perf_counter() - began_s)

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        parts = self._loaded()
        prompt = self._prompt_for(request)
        if prompt is None:
            return
        spoken = self._spoken_reply(request.generation, request.voice)
        self._is_replying = True
        try:
            parts.memory.align(prompt, parts.ear.features if prompt.audio else None)
            tokens = parts.memory.decode(parts.spoken, cancel)
            for event in spoken.from_tokens(tokens, cancel):
                yield from self._written_meanwhile(request.key)
                yield event
        finally:
            self._is_replying = False
            parts.memory.roll_back()
        last = parts.transcription.last_chance() if parts.transcription is not None else None
        if last is not None and last.key == request.key:
            yield last

    def say(self, text: str, voice: VoiceChoice, generation: int) -> Iterator[ReplyEvent]:
        parts = self._loaded()
        spoken = self._spoken_reply(generation, voice)
        self._is_replying = True
        cancel = CancelToken()  # a closed iterator is the only way to end it
        try:
            parts.memory.align(prompts.synthesis(parts.tokenizer, text), None)
            tokens = parts.memory.decode(parts.read_aloud, cancel)
            yield from spoken.from_text(text, tokens, cancel)
        finally:
            self._is_replying = False
            parts.memory.roll_back()

    def use_voice(self, voice: VoiceChoice) -> None:
        """There is one voice; its rate changes with the next piece that is decoded."""
        if self._spoken is not None:
            self._spoken.speak_at(voice.rate)

    def forget_turn(self, key: TurnKey) -> None:
        if self._turn is not None and key.turn == self._turn.turn:
            self._turn = None
            self._loaded().ear.begin()

    def close(self) -> None:
        if self._parts is not None:
            self._parts.close()
            self._parts = None

    def _loaded(self) -> VitaAudioParts:
        if self._parts is None:
            raise ModelError(f"{self.name}: used before it was loaded")
        return self._parts

    def _prepare(self, context: ReplyContext, *, is_over: bool = False) -> None:
        """Computes ahead what is known of the prompt, unless a reply is being made from another."""
        if self._is_replying:
            return
        parts = self._loaded()
        turn = self._open_turn(context)
        audio = parts.ear.audio
        if audio is None:
            parts.memory.align(Prompt(turn.before_audio), None)
        elif is_over:
            parts.memory.align(turn.with_audio(audio), parts.ear.features)
        elif parts.ear.features is None:
            inside = prompts.ids_of_audio(parts.tokenizer.table, audio)
            parts.memory.align(Prompt((*turn.before_audio, *inside)), None)

    def _language(self) -> str:
        """Of the turn that was heard, where the model can tell; else of the conversation."""
        tags = self._tags()
        is_told = tags is not None and tags.language in _LANGUAGES
        return str(tags.language) if tags is not None and is_told else self._context.language

    def _tags(self) -> SpeechTags | None:
        """How the turn that was heard was said."""
        parts = self._loaded()
        if parts.manner is None or parts.ear.features is None:
            return None
        parts.manner.encode(parts.ear.features)
        return parts.manner.tags

    def _open_turn(self, context: ReplyContext) -> OpenTurn:
        parts = self._loaded()
        tokenizer = parts.tokenizer
        history = prompts.trimmed_history(tokenizer, context.messages)
        tags = self._tags() if parts.notes_manner else None
        return prompts.speech_turn(tokenizer, history, message=tags.note() if tags else "")

    def _prompt_for(self, request: ReplyRequest) -> Prompt | None:
        """The turn that was heard; else the text that was typed; None: there is neither."""
        parts = self._loaded()
        is_heard = self._turn is not None and self._turn.turn == request.key.turn
        audio = parts.ear.audio if is_heard else None
        if audio is not None:
            return self._open_turn(request.context).with_audio(audio)
        text = (request.context.user_text or "").strip()
        if not text:
            return None
        history = prompts.trimmed_history(parts.tokenizer, request.context.messages)
        return prompts.text_chat(parts.tokenizer, text, history, prompts.LUKE)

    def _spoken_reply(self, generation: int, voice: VoiceChoice) -> SpokenReply:
        parts = self._loaded()
        self._spoken = SpokenReply(
            generation,
            parts.tokenizer.table,
            parts.tokenizer.open_stream(),
            parts.open_speech(),
            parts.rate_hz,
        )
        self._spoken.speak_at(voice.rate)
        return self._spoken

    def _written_meanwhile(self, key: TurnKey) -> Iterator[TurnTranscribed]:
        transcription = self._loaded().transcription
        written = transcription.ready() if transcription is not None else None
        if written is not None and written.key == key:
            yield written

"""VITA-Audio behind the ``SpeechModel`` role: it answers what it hears with text and sound.

While the user speaks their codes are put into the language model's cache; a reply that is cancelled
is cropped from it. History is text.
"""

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
from model.requests import ReplyRequest
from model.types import CancelToken, TurnContext, TurnKey, VoiceChoice, VoicePreset
from model.vita_audio.conversation import prompts
from model.vita_audio.conversation.loading import LoadedModel, LoadModel
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
    """The ``SpeechModel`` of one VITA-Audio directory; ``load`` calls ``load_model``."""

    def __init__(self, name: str, load_model: LoadModel) -> None:
        self._name = name
        self._load_model = load_model
        self._loaded: LoadedModel | None = None
        self._turn: TurnKey | None = None
        self._context = TurnContext()
        self._heard_to_s = 0.0
        self._is_replying = False
        self._spoken: SpokenReply | None = None  # the latest reply, running or over

    @property
    def name(self) -> str:
        """Name in the catalog."""
        return self._name

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the speech it makes."""
        return _RATE_HZ if self._loaded is None else self._loaded.rate_hz

    def load(self, report: Callable[[LoadProgress], None]) -> None:
        """Read the weights and warm up. Raises ModelError."""
        self._loaded = self._load_model(report)
        self._prepare(TurnContext())
        report(LoadProgress("prompt", 1.0))

    def voices(self) -> tuple[VoicePreset, ...]:
        """Return the only voice."""
        return _VOICES

    def begin_turn(self, key: TurnKey, context: TurnContext) -> None:
        """Open a turn; a higher revision of the open one keeps its audio."""
        model = self._model
        if self._turn is None or key.turn != self._turn.turn:
            model.listener.begin()
            model.transcription.begin(key.turn)
        self._turn = key
        self._context = context
        self._prepare(context)

    def hear(self, frame: AudioFrame) -> Iterable[TranscriptPartial]:
        """Take audio of the open turn; codes that are final are computed at once."""
        model = self._model
        if self._turn is None:
            return ()
        self._heard_to_s = frame.end_s
        if model.listener.hear(frame.samples):
            self._prepare(self._context)
        return model.transcription.hear(frame)

    def finish_turn(self, key: TurnKey) -> Iterable[TurnTranscribed | TurnScored]:
        """Read the open block and compute the whole prompt; the words come when they are ready.

        Only a short turn waits for them: it may be a stop word. Where the folder has a head for it,
        a score of whether the turn is over goes first.
        """
        model = self._model
        if self._turn is None or key.turn != self._turn.turn:
            return ()
        self._turn = key
        model.transcription.finish(key)
        model.listener.pause()
        if model.listener.audio is None:
            return (TurnTranscribed(key, "", self._context.language, 0.0),)
        tags = self._tags()
        self._prepare(self._context, is_over=True)
        language = self._language()
        heard = model.transcription.words_of_short_turn()
        heard = heard or TurnTranscribed(key, None, language, 0.0)
        if tags is not None:
            heard = replace(heard, manner=tags.note())
        older = model.transcription.of_turn_before()
        return tuple(e for e in (self._turn_score(key), older, heard) if e is not None)

    def write_down(self, key: TurnKey) -> TurnTranscribed:
        """Ask the language model itself for the words of the turn that was finished last.

        Greedy and without MCTP, the best it can do; blocks until they are there: for recordings.
        """
        model = self._model
        began_s = time.perf_counter()
        audio = model.listener.audio
        if audio is None:
            return TurnTranscribed(key, "", self._context.language, 0.0)
        options = replace(model.spoken, schedule=VANILLA, max_new_tokens=_MOST_WORDS_TOKENS)
        stream = model.tokenizer.open_stream()
        text = ""
        model.cache.align(prompts.recognition(model.tokenizer, audio), model.listener.features)
        try:
            for token in model.cache.decode(options, CancelToken()):
                if token.kind is TokenKind.BEGIN_AUDIO:
                    break
                if token.kind is TokenKind.TEXT:
                    text += stream.push(token.id)
        finally:
            model.cache.roll_back()
        text = (text + stream.finish()).strip()
        return TurnTranscribed(key, text, self._language(), time.perf_counter() - began_s)

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        """Yield the text and the sound of an answer, step by step."""
        model = self._model
        prompt = self._prompt_for(request)
        if prompt is None:
            return
        spoken = self._spoken_reply(request.generation, request.voice)
        self._is_replying = True
        try:
            model.cache.align(prompt, model.listener.features if prompt.audio else None)
            tokens = model.cache.decode(model.spoken, cancel)
            for event in spoken.from_tokens(tokens, cancel):
                written = model.transcription.ready()
                if written is not None and written.key == request.key:
                    yield written
                yield event
        finally:
            self._is_replying = False
            model.cache.roll_back()
        last = model.transcription.last_words()
        if last is not None and last.key == request.key:
            yield last

    def say(self, text: str, voice: VoiceChoice, generation: int) -> Iterator[ReplyEvent]:
        """Yield ``text`` and its sound."""
        model = self._model
        spoken = self._spoken_reply(generation, voice)
        self._is_replying = True
        cancel = CancelToken()  # a closed iterator is the only way to end it
        try:
            model.cache.align(prompts.synthesis(model.tokenizer, text), None)
            tokens = model.cache.decode(model.read_aloud, cancel)
            yield from spoken.from_text(text, tokens, cancel)
        finally:
            self._is_replying = False
            model.cache.roll_back()

    def use_voice(self, voice: VoiceChoice) -> None:
        """Change the rate with the next piece that is decoded; there is one voice."""
        if self._spoken is not None:
            self._spoken.speak_at(voice.rate)

    def forget_turn(self, key: TurnKey) -> None:
        """Forget the audio of the turn."""
        if self._turn is not None and key.turn == self._turn.turn:
            self._turn = None
            self._model.listener.begin()

    def close(self) -> None:
        """End the recogniser's thread and give the memory back."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    @property
    def _model(self) -> LoadedModel:
        if self._loaded is None:
            raise ModelError(f"{self.name}: used before it was loaded")
        return self._loaded

    def _prepare(self, context: TurnContext, *, is_over: bool = False) -> None:
        """Computes ahead what is known of the prompt, unless a reply is being made from another."""
        if self._is_replying:
            return
        model = self._model
        turn = self._open_turn(context)
        audio = model.listener.audio
        if audio is None:
            model.cache.align(Prompt(turn.before_audio), None)
        elif is_over:
            model.cache.align(turn.with_audio(audio), model.listener.features)
        elif model.listener.features is None:
            inside = prompts.ids_of_audio(model.tokenizer.table, audio)
            model.cache.align(Prompt((*turn.before_audio, *inside)), None)

    def _turn_score(self, key: TurnKey) -> TurnScored | None:
        """None: there is no head, or a reply is being made from another prompt."""
        model = self._model
        audio = model.listener.audio
        if model.end_of_turn is None or self._is_replying or not isinstance(audio, DiscreteAudio):
            return None
        start = len(self._open_turn(self._context).before_audio)
        states = model.cache.states(start, start + len(audio.codes))
        if states is None:
            return None
        return TurnScored(key, model.end_of_turn.p_end_of_turn(states), self._heard_to_s)

    def _language(self) -> str:
        """Of the turn that was heard, where the model can tell; else of the conversation."""
        tags = self._tags()
        if tags is not None and tags.language in _LANGUAGES:
            return str(tags.language)
        return self._context.language

    def _tags(self) -> SpeechTags | None:
        """How the turn that was heard was said."""
        tagging, features = self._model.tagging, self._model.listener.features
        if tagging is None or features is None:
            return None
        tagging.encode(features)
        return tagging.tags

    def _open_turn(self, context: TurnContext) -> OpenTurn:
        tokenizer = self._model.tokenizer
        history = prompts.trimmed_history(tokenizer, context.messages)
        tags = self._tags() if self._model.notes_mood else None
        note = tags.note() if tags else ""
        return prompts.speech_turn(tokenizer, history, _system(context), note)

    def _prompt_for(self, request: ReplyRequest) -> Prompt | None:
        """The turn that was heard; else the text that was typed; None: there is neither."""
        model = self._model
        is_heard = self._turn is not None and self._turn.turn == request.key.turn
        audio = model.listener.audio if is_heard else None
        if audio is not None:
            return self._open_turn(request.context).with_audio(audio)
        text = (request.context.user_text or "").strip()
        if not text:
            return None
        history = prompts.trimmed_history(model.tokenizer, request.context.messages)
        return prompts.text_chat(model.tokenizer, text, history, _system(request.context))

    def _spoken_reply(self, generation: int, voice: VoiceChoice) -> SpokenReply:
        model = self._model
        self._spoken = SpokenReply(
            generation,
            model.tokenizer.table,
            model.tokenizer.open_stream(),
            model.open_speech(),
            model.rate_hz,
        )
        self._spoken.speak_at(voice.rate)
        return self._spoken


def _system(context: TurnContext) -> str:
    return f"{prompts.LUKE}\n{context.persona}" if context.persona else prompts.LUKE

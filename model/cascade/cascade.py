"""The embedded default: recogniser, language model and synthesizer, all streamed.

Three native threads at most are at work: the caller's (recognition), the language model's and the
synthesizer's; each uses one core.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from audio_io.frames import AudioFrame
from model.cascade.chat_prompt import ChatPrompt, Limit, read_limits, read_persona, with_note
from model.cascade.engines import RATE_HZ
from model.cascade.language_choice import written_language
from model.cascade.language_model import CONTEXT_TOKENS, Completion, LanguageModel
from model.cascade.recognizer import StreamingRecognizer, open_recognizer
from model.cascade.reply import ReplyAhead, SpokenReply
from model.cascade.synthesizer import Synthesizer
from model.errors import ModelError
from model.events import LoadProgress, ReplyEvent, TranscriptPartial, TurnTranscribed
from model.requests import ReplyRequest
from model.types import CancelToken, TurnContext, TurnKey, VoiceChoice, VoicePreset

log = logging.getLogger(__name__)

_REPLY_TOKENS = 120  # about 90 words, 35 seconds of speech
_HISTORY_TOKENS = CONTEXT_TOKENS - _REPLY_TOKENS - 600  # 600: the turn itself, and its notes
_STABLE_WORDS = 3  # new words of a partial worth computing ahead of the end of the turn
_UNSTABLE_WORDS = 1  # the last word of a partial changes too often
_WORD = re.compile(r"\s*(?:[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+)")  # an ideograph is a word
_NO_MANDARIN_VOICE = "You have no Mandarin voice. Answer in English."


@dataclass(frozen=True, slots=True)
class CascadeOptions:
    """What differs between the catalog's cascades.

    Attributes:
        language_model: file name below the weights folder.
        llm_threads: more than one only pays where other cores are idle.
        language: "en", "zh", or "auto": Mandarin too, where its recogniser is installed.
        prepares: a reply is begun while the final words are still being written.
        voice: preset that will most likely speak; it is made ready before the first reply.
        persona: see ``TurnContext``; the one that the first reply will most likely ask for.
    """

    language_model: str = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    llm_threads: int = 1
    name: str = "cascade"
    language: str = "auto"
    prepares: bool = True
    voice: str = VoiceChoice().preset
    persona: str = ""


class CascadeModel:
    """A ``SpeechModel`` of three engines that hears and speaks Mandarin where that is installed."""

    def __init__(self, weights_dir: Path, options: CascadeOptions | None = None) -> None:
        self._weights_dir = weights_dir
        self._options = options or CascadeOptions()
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="cascade")
        self._synthesizer = Synthesizer(weights_dir)
        self._engines: _Engines | None = None
        self._spoken: SpokenReply | None = None  # the latest reply, running or over
        self._turn: TurnKey | None = None
        self._context = TurnContext()
        self._replying: Completion | None = None
        self._warming: Completion | None = None
        self._warmed_words = 0
        self._guess = ""  # the words so far, of the pause that is on
        self._opened: str | None = None  # language of the prompt in the model's cache

    @property
    def name(self) -> str:
        """Return the catalog's name."""
        return self._options.name

    @property
    def sample_rate_hz(self) -> int:
        """Return the rate of the speech it makes."""
        return RATE_HZ

    def load(self, report: Callable[[LoadProgress], None]) -> None:
        """Open the engines side by side, run each once, and compute how every prompt begins."""
        report(LoadProgress("language model", 0.0))
        language = self._speakable(self._options.language)
        llm_future = self._pool.submit(self._open_language_model, language)
        voice_future = self._pool.submit(
            self._synthesizer.warm, VoiceChoice(self._options.voice), language
        )
        try:
            recognizer = open_recognizer(self._weights_dir, self._options.language)
            report(LoadProgress("recogniser", 0.5))
            voice_future.result()
            report(LoadProgress("voice", 0.7))
        finally:
            llm, prompts = llm_future.result()
        limits = {language: read_limits(language) for language in prompts}
        ahead = ReplyAhead(lambda prompt: llm.complete(prompt, _REPLY_TOKENS))
        self._engines = _Engines(recognizer, llm, prompts, limits, ahead)
        if self._warming is not None:
            self._warming.is_done.wait()
        report(LoadProgress("prompt", 1.0))

    def voices(self) -> tuple[VoicePreset, ...]:
        """Return the voices whose files are here."""
        return self._synthesizer.voices()

    def begin_turn(self, key: TurnKey, context: TurnContext) -> None:
        """Open a turn, and warm the prompt up to it."""
        engines = self._loaded()
        if self._turn is None or key.turn != self._turn.turn:
            engines.recognizer.begin()
            self._warmed_words = 0
        self._take_back_guess()
        self._turn = key
        self._context = context
        self._talk_as(context.persona)
        self._warm(self._speakable(context.language), context)

    def hear(self, frame: AudioFrame) -> Iterable[TranscriptPartial]:
        """Take audio; compute ahead what will not change any more."""
        engines = self._loaded()
        if self._turn is None:
            return ()
        said: list[TranscriptPartial] = []
        recognizer, turn = engines.recognizer, self._turn.turn
        has_changed = recognizer.hear(frame)
        if guess := recognizer.guess():
            if self._options.prepares:
                self._expect(guess)
            evidence = recognizer.evidence()
            said.append(TranscriptPartial(turn, guess, recognizer.end_s, evidence))
        elif has_changed:
            text = recognizer.partial_text
            # Partials may guess the language wrong; another would cost the whole computed history.
            if self._speakable(recognizer.language) == self._opened:
                self._warm_with(text)
            said.append(TranscriptPartial(turn, text, recognizer.end_s))
        return said

    def finish_turn(self, key: TurnKey) -> Iterable[TurnTranscribed]:
        """Transcribe the turn; begin the reply to the words that were guessed."""
        engines = self._loaded()
        if self._turn is None or key.turn != self._turn.turn:
            return ()
        self._turn = key
        started = time.perf_counter()
        self._answer_guess()
        text = engines.recognizer.finish()
        language = engines.recognizer.language
        evidence = engines.recognizer.evidence()
        spent_s = time.perf_counter() - started
        return (TurnTranscribed(key, text, language, spent_s, evidence=evidence),)

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        """Take the reply that was begun ahead where its words came true, else begin one."""
        engines = self._loaded()
        context = request.context
        user_text = (context.user_text or "").strip()
        if not user_text:
            return
        self._talk_as(context.persona)
        prompt = self._prompt(context, user_text)
        completion = engines.ahead.take(prompt.before, user_text)
        if completion is None:
            self._open(prompt.language)
            self._stop_warming(unless_it_starts=prompt.text)
            completion = engines.llm.complete(prompt.text, _REPLY_TOKENS)
        spoken = SpokenReply(
            request.generation, self._synthesizer, self._pool, request.voice, prompt.language
        )
        self._spoken, self._replying = spoken, completion
        yield from spoken.from_model(completion, cancel)

    def say(self, text: str, voice: VoiceChoice, generation: int) -> Iterator[ReplyEvent]:
        """Speak ``text`` as it is."""
        voices = {preset.id: preset.language for preset in self.voices()}
        language = voices.get(voice.preset, "en")
        spoken = SpokenReply(generation, self._synthesizer, self._pool, voice, language)
        self._spoken = spoken
        yield from spoken.from_text(text)

    def use_voice(self, voice: VoiceChoice) -> None:
        """Go on with ``voice`` from the next clause."""
        if self._spoken is not None:
            self._spoken.use_voice(voice)

    def forget_turn(self, key: TurnKey) -> None:
        """Give up what was prepared for the turn."""
        if self._turn is not None and key.turn == self._turn.turn:
            self._take_back_guess()
            self._turn = None
            self._loaded().recognizer.begin()

    def close(self) -> None:
        """End all threads and free the engines."""
        self._synthesizer.stop()
        if self._engines is not None:
            self._engines.llm.close()
            self._engines = None
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _loaded(self) -> _Engines:
        if self._engines is None:
            raise ModelError(f"{self.name}: used before it was loaded")
        return self._engines

    def _open_language_model(self, language: str) -> tuple[LanguageModel, dict[str, ChatPrompt]]:
        """Load the weights and begin to compute the opening of the prompt of ``language``."""
        options = self._options
        llm = LanguageModel(self._weights_dir / options.language_model, options.llm_threads)
        prompts = {
            name: ChatPrompt(read_persona(name), llm.count_tokens, _HISTORY_TOKENS)
            for name in ("en", "zh")
        }
        for prompt in prompts.values():
            prompt.talk_as(options.persona)
        self._warming = llm.warm_opening(prompts[language].before_user(()))
        self._opened = language
        return llm, prompts

    def _talk_as(self, wish: str) -> None:
        """Use other instructions from the next prompt on."""
        changes = [prompt.talk_as(wish) for prompt in self._loaded().prompts.values()]
        if any(changes):
            self._opened = None

    def _speakable(self, language: str) -> str:
        """Return ``language`` where there is a voice for it, else English."""
        return "zh" if language == "zh" and self._synthesizer.can_speak("zh") else "en"

    def _prompt(self, context: TurnContext, user_text: str) -> _Prompt:
        engines = self._loaded()
        written = written_language(user_text) or context.language
        language = self._speakable(written)
        noted = with_note(user_text, engines.limits[language])
        if written != language:
            noted = f"{user_text} ({_NO_MANDARIN_VOICE})"
        chat = engines.prompts[language]
        before = chat.before_user(context.messages)
        return _Prompt(language, before, chat.for_reply(context.messages, noted))

    def _expect(self, guess: str) -> None:
        """Compute the whole prompt for the case that these are the user's last words."""
        prompt = self._prompt(self._context, guess)
        if prompt.language != self._opened:
            return
        self._guess = guess
        self._warmed_words = max(self._warmed_words, len(_WORD.findall(guess)))
        self._stop_warming(unless_it_starts=prompt.text)
        self._warming = self._loaded().llm.warm(prompt.text[:-1])  # a reply computes the last token

    def _answer_guess(self) -> None:
        """Begin the reply to the guess, unless another one is still being written."""
        engines, guess = self._loaded(), self._guess
        is_writing = self._replying is not None and not self._replying.is_done.is_set()
        if not guess or engines.recognizer.has_said_more or is_writing:
            return
        prompt = self._prompt(self._context, guess)
        self._stop_warming(unless_it_starts=prompt.text)
        engines.ahead.begin(prompt.before, guess, prompt.text)

    def _take_back_guess(self) -> None:
        self._guess = ""
        self._loaded().ahead.drop()

    def _warm_with(self, partial: str) -> None:
        """Compute the words that will not change any more while the user is still speaking."""
        words = _WORD.findall(partial)
        n_stable = len(words) - _UNSTABLE_WORDS
        if n_stable < self._warmed_words + _STABLE_WORDS:
            return
        if self._warming is not None and not self._warming.is_done.is_set():
            return
        self._warmed_words = n_stable
        self._warm(self._opened or "en", self._context, "".join(words[:n_stable]))

    def _warm(self, language: str, context: TurnContext, words: str = "") -> None:
        prompt = self._loaded().prompts[language].before_user(context.messages) + words
        self._open(language)
        self._stop_warming(unless_it_starts=prompt)
        self._warming = self._loaded().llm.warm(prompt)

    def _open(self, language: str) -> None:
        """Put the opening of the prompt of ``language`` into the model's cache."""
        if language == self._opened:
            return
        opening = self._loaded().prompts[language].before_user(())
        self._stop_warming(unless_it_starts=opening)
        self._warming = self._loaded().llm.warm_opening(opening)
        self._opened = language

    def _stop_warming(self, unless_it_starts: str) -> None:
        """Let a prompt computed ahead give way to the next one, unless that begins with it."""
        if self._warming is not None and not unless_it_starts.startswith(self._warming.prompt):
            self._warming.cancel()
        self._warming = None


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A prompt; ``text`` begins with ``before``, which ends where the user's words begin."""

    language: str
    before: str
    text: str


@dataclass(frozen=True, slots=True)
class _Engines:
    recognizer: StreamingRecognizer
    llm: LanguageModel
    prompts: dict[str, ChatPrompt]
    limits: dict[str, tuple[Limit, ...]]
    ahead: ReplyAhead


Options = Mapping[str, str | int | float | bool]


def build_default(weights_dir: Path, options: Options) -> CascadeModel:
    """Make the catalog's "cascade"."""
    return _build(weights_dir, options, "cascade", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf")


def build_quick(weights_dir: Path, options: Options) -> CascadeModel:
    """Make the catalog's "cascade-quick"."""
    return _build(weights_dir, options, "cascade-quick", "smollm2-135m-instruct-q4_1.gguf")


def build_better(weights_dir: Path, options: Options) -> CascadeModel:
    """Make the catalog's "cascade-better"."""
    return _build(weights_dir, options, "cascade-better", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")


def _build(weights_dir: Path, options: Options, name: str, file_name: str) -> CascadeModel:
    default = CascadeOptions()
    chosen = CascadeOptions(
        language_model=file_name,
        llm_threads=int(options.get("llm_threads", default.llm_threads)),
        name=name,
        language=str(options.get("language", default.language)),
        prepares=bool(options.get("prepares", default.prepares)),
        voice=str(options.get("voice", default.voice)),
        persona=str(options.get("persona", default.persona)),
    )
    return CascadeModel(weights_dir, chosen)

"""Decoding as a generator: one token at a time, with its kind, until it ends or is cancelled."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from model.errors import ModelError
from model.types import CancelToken
from model.vita_audio.decoding.output_head import Sampler, SamplingSettings, inside_audio
from model.vita_audio.decoding.schedule import VANILLA, Policy, Schedule
from model.vita_audio.decoding.state import DecodingState
from model.vita_audio.language_model.tokens import DecodedToken, TokenKind, TokenTable


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How a reply is decoded.

    Attributes:
        is_audio_strict: inside an open audio segment only codes and its end may follow. A deviation
            from upstream that makes the output head there ten times smaller.
        seed: of the sampler.
        max_new_tokens: upstream's limit; nothing else stops a reply that never ends.
    """

    schedule: Schedule = VANILLA
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    is_audio_strict: bool = False
    seed: int = 0
    max_new_tokens: int = 8192


def decode(
    state: DecodingState,
    table: TokenTable,
    options: DecodeOptions | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[DecodedToken]:
    """Make a reply to what ``state`` holds; every token yielded is part of the state by then.

    ``cancel`` is looked at before every step. The token that ends the reply is yielded too. Closed
    or cancelled, the state holds the prompt and the tokens yielded.

    Raises:
        ModelError: the state holds nothing, or lacks modules of the schedule.
    """
    options = options or DecodeOptions()
    n_needed = options.schedule.n_modules(state.runner.n_modules)
    if n_needed > state.n_modules:
        raise ModelError(
            f"the emission pattern needs {n_needed} MCTP modules and the conversation was opened "
            f"with {state.n_modules}"
        )
    reply = _Reply(state, table, options, cancel or CancelToken())
    if options.schedule.policy is Policy.VERIFIED:
        return reply.verified()
    return reply.unverified()


class _Reply:
    """One run of ``decode``."""

    def __init__(
        self,
        state: DecodingState,
        table: TokenTable,
        options: DecodeOptions,
        cancel: CancelToken,
    ) -> None:
        self._state = state
        self._table = table
        self._schedule = options.schedule
        self._cancel = cancel
        device = state.runner.device
        self._sampler = Sampler(options.sampling, options.seed, device)
        drafting = SamplingSettings(repetition_penalty=options.sampling.repetition_penalty)
        self._drafter = Sampler(drafting, device=device)
        self._n_modules = options.schedule.n_modules(state.n_modules)
        self._inside = inside_audio(table) if options.is_audio_strict else None
        self._is_audio_open = _is_audio_open(state, table)
        self._n_left = min(options.max_new_tokens, state.room)
        self._n_made = 0

    def unverified(self) -> Iterator[DecodedToken]:
        state = self._state
        level = self._n_modules  # nothing has run: the first step is the backbone's
        while self._goes_on():
            level = level + 1 if self._is_module_slot() and level < self._n_modules else 0
            states = state.module_step(level - 1) if level else state.backbone_step()
            token_id = self._choose(states[-1], self._sampler, state.n_tokens)
            state.extend((token_id,))
            yield self._noted(token_id, level)

    def verified(self) -> Iterator[DecodedToken]:
        """Drafts of the modules; each is kept only where the backbone chooses the same token.

        While it runs, the state may hold drafts behind the tokens yielded.
        """
        state = self._state
        n_sure = state.n_tokens
        drafts: list[int] = []
        try:
            while self._goes_on():
                # Pending are the newest sure token and its drafts; older ones may be run again.
                states = state.backbone_step()[-(len(drafts) + 1) :]
                for place, (state_of_token, draft) in enumerate(
                    zip(states, (*drafts, None), strict=True)
                ):
                    token_id = self._choose(state_of_token, self._sampler, n_sure)
                    is_confirmed = token_id == draft
                    if not is_confirmed:
                        state.crop(n_sure)
                        state.extend((token_id,))
                    n_sure += 1
                    yield self._noted(token_id, place + 1 if is_confirmed else 0)
                    if not is_confirmed or not self._goes_on():
                        break
                drafts = self._drafted() if self._goes_on() else []
        finally:
            state.crop(n_sure)

    def _drafted(self) -> list[int]:
        """Greedy guesses of the modules, appended to the state."""
        was_open, drafts = self._is_audio_open, list[int]()
        n_wanted = min(self._n_modules, self._n_left - 1)
        while len(drafts) < n_wanted:
            states = self._state.module_step(len(drafts))
            token_id = self._choose(states[-1], self._drafter, self._state.n_tokens)
            self._state.extend((token_id,))
            drafts.append(token_id)
            if self._follow(token_id) is TokenKind.END:
                break
        self._is_audio_open = was_open
        return drafts

    def _goes_on(self) -> bool:
        return self._n_left > 0 and not self._cancel.is_cancelled

    def _is_module_slot(self) -> bool:
        if self._schedule.policy is Policy.GATED:
            return self._is_audio_open
        return self._schedule.is_module_slot(self._n_made)

    def _choose(self, state_of_token: Tensor, sampler: Sampler, n_known: int) -> int:
        allowed = self._inside if self._is_audio_open else None
        seen = self._state.known_ids()[:n_known]
        return self._state.runner.head.choose(state_of_token, seen, sampler, allowed)

    def _noted(self, token_id: int, level: int) -> DecodedToken:
        kind = self._follow(token_id)
        self._n_made += 1
        self._n_left = 0 if kind is TokenKind.END else self._n_left - 1
        return DecodedToken(token_id, kind, level)

    def _follow(self, token_id: int) -> TokenKind:
        kind = self._table.kind_of(token_id)
        if kind is TokenKind.BEGIN_AUDIO:
            self._is_audio_open = True
        elif kind in (TokenKind.END_AUDIO, TokenKind.END):
            self._is_audio_open = False
        return kind


def _is_audio_open(state: DecodingState, table: TokenTable) -> bool:
    for token_id in reversed(state.ids):
        if token_id == table.begin_of_audio:
            return True
        if token_id in (table.end_of_audio, *table.end_ids):
            return False
    return False

"""A replay bundle that may be shown to others: no sound, no words, the same decisions.

Levels, probabilities, evidence and events stay; of each text its number of words, and whether it is
an order or an acknowledgement, because the controller decides by that. Spectra are not added:
speech can be rebuilt from them.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from app.dialogue.phrases import is_backchannel, is_stop_phrase, sounds_like_stop_word, words
from app.dialogue.state import DialogueRules
from app.messages.errors import BadInputError
from app.replay.bundle import MANIFEST, Bundle
from app.replay.codec import VERSION, decode, without_sound
from app.replay.writer import npz_of, write_manifest, write_piece

Json = dict[str, Any]

_ORDER, _NEARLY_ORDER, _ACKNOWLEDGEMENT, _WORD = "stop", "stap", "yes", "word"
_NO_WORD = "…"
_TEXTS = 4096  # rows repeat the same few
# Of events and effects: texts that stand-ins replace, texts of which the length is kept, and what
# is left out.
_SPOKEN = {
    "TextSubmitted": ("text",),
    "TextDelta": ("text",),
    "TranscriptPartial": ("text",),
    "TurnTranscribed": ("text",),
    "CommitUserTurn": ("text",),
    "StartGeneration": ("user_text",),
}
_MEASURED = {
    "GenerationFailed": ("message",),
    "WorkerFailed": ("message",),
    "DeviceLost": ("message",),
    "DeviceReturned": ("name",),
    "ModelLeft": ("reason",),
}
_LEFT_OUT = {
    "TurnTranscribed": ("manner",),
    "LoadProgress": ("note",),
    "ModelReady": ("voices",),
    "SpeechChunk": ("marks",),
    "ReportError": ("message",),
}
_QUIET_RULES = {"stop_phrases": [_ORDER], "backchannels": [_ACKNOWLEDGEMENT]}
_QUIET_SETTINGS = {"conversation.extra_stop_words": (), "conversation.persona": ""}

_TOLD = """\
{folder}: without sound and words, {seconds:.0f} s, {steps} steps
kept: levels, voice and duplex probabilities, evidence in numbers, events, how many words a text has
left out: sound, spectra, words, names of devices, messages of errors
replayed by `parley replay`: the controller, with the predictions that were recorded
not replayed: the predictor, which needs the sound
"""


def redact(bundle: Bundle, out: Path) -> str:
    """Write the redacted bundle into ``out``; return what to tell about it.

    Raises BadInputError when ``out`` is in use or cannot be written.
    """
    if (out / MANIFEST).exists():
        raise BadInputError(out, "", "holds a bundle already", "choose another folder")
    rules = DialogueRules()
    pieces = {name: npz_of(without_sound(columns)) for name, columns in bundle.pieces()}
    for name, _, line in bundle.lines():
        if line["kind"] == "rules":
            rules = decode(DialogueRules, line["rules"])
        pieces[name] = pieces.get(name, b"") + json.dumps(_quiet_line(line, rules)).encode() + b"\n"
    files: dict[str, str] = {}
    try:
        for name, content in pieces.items():
            files |= write_piece(out, name, content)
        changes = {"version": VERSION, "is_redacted": True, "files": files}
        write_manifest(out, msgspec.structs.replace(bundle.manifest, **changes))
    except OSError as error:
        raise BadInputError(out, "", f"cannot be written: {error}", "choose another") from None
    seconds = bundle.manifest.n_frames / 100
    return _TOLD.format(folder=out, seconds=seconds, steps=len(bundle.steps))


@lru_cache(maxsize=_TEXTS)
def stand_in(text: str, rules: DialogueRules) -> str:
    """Return another text that the controller takes for the same kind of thing."""
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


def quiet(named: Json, rules: DialogueRules) -> Json:
    """Return an event or effect (see ``encode_named``) without its words."""
    blanked = _spoken(named, *_SPOKEN.get(named["is"], ()), rules=rules)
    for key in _MEASURED.get(named["is"], ()):
        blanked[key] = f"({len(named[key])} characters)" if named[key] else ""
    for key in _LEFT_OUT.get(named["is"], ()):
        blanked[key] = type(named[key])()
    return blanked


def _spoken(table: Json, *keys: str, rules: DialogueRules) -> Json:
    return table | {key: stand_in(table[key], rules) for key in keys if table[key] is not None}


def _quiet_line(line: Json, rules: DialogueRules) -> Json:
    match line:
        case {"kind": "text"}:
            return _spoken(line, "text", rules=rules)
        case {"kind": "rules"}:
            return line | {"rules": line["rules"] | _QUIET_RULES}
        case {"kind": "predictor"}:
            settings: Json = line["settings"]
            own = {key: value for key, value in _QUIET_SETTINGS.items() if key in settings}
            return line | {"settings": settings | own}
        case {"kind": "state"}:
            state = _spoken(line["state"], "typed_text", rules=rules)
            turn = state["turn"]
            return line | {"state": state | {"turn": turn and _spoken(turn, "text", rules=rules)}}
        case {"kind": "step"}:
            effects = [quiet(effect, rules) for effect in line["effects"]]
            own = {"event": quiet(line["event"], rules)} if "event" in line else {}
            # without the state's digest: it is one of words that are gone
            return line | {"before": None, **own, "effects": effects}
        case _:
            return line

"""Every setting, declared once: default, range, unit, choices and words for the settings dialog.

The file (``app.settings.file``) and the dialog are made from these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TypeVar, cast

from app.settings.option import Option, OptionInfo, Value
from model.duplex import policy

_OPTION = "option"

_T = TypeVar("_T", bound=Value)


def _setting(
    default: _T,
    label: str,
    help_text: str,
    span: tuple[float, float] | None = None,
    unit: str = "",
    *,
    choices: tuple[str, ...] = (),
    longest: int | None = None,
) -> _T:
    minimum, maximum = span or (None, None)
    option = Option(label, help_text, unit, minimum, maximum, choices, longest)
    return field(default=default, metadata={_OPTION: option})


def _threshold(default: float, label: str, help_text: str) -> float:
    return _setting(default, label, help_text, (policy.LEAST_P, policy.MOST_P))


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """Devices and what is done to their signals."""

    input_device: str = _setting("", "Microphone", "Leave it empty for the system's default.")
    output_device: str = _setting("", "Loudspeaker", "Leave it empty for the system's default.")
    echo_cancellation: bool = _setting(
        True,
        "Echo cancellation",
        "Removes the loudspeaker from the microphone. Use headphones without it.",
    )
    noise_suppression: bool = _setting(
        True, "Noise suppression", "Reduces steady noise, such as a fan."
    )
    gain_control: bool = _setting(False, "Automatic gain", "Amplifies a quiet microphone.")
    output_volume_db: float = _setting(
        0.0, "Volume", "How far below full level Parley speaks.", (-40.0, 0.0), "dB"
    )
    latency_ms: int = _setting(
        60,
        "Device latency",
        "Delay asked of the sound device. A shorter one answers sooner but may crackle.",
        (10, 500),
        "ms",
    )
    block_ms: int = _setting(
        20, "Block length", "Length of sound that the device hands over at once.", (5, 100), "ms"
    )


@dataclass(frozen=True, slots=True)
class VadSettings:
    """When a sound counts as speech."""

    enter_threshold: float = _setting(
        0.5, "Speech begins at", "Probability of a voice at which speech begins.", (0.05, 0.95)
    )
    exit_threshold: float = _setting(
        0.35,
        "Speech ends below",
        "Probability of a voice below which speech ends; not above the one where it begins.",
        (0.01, 0.95),
    )
    enter_ms: int = _setting(
        96, "Start after", "How long a voice must last to count as speech.", (32, 1000), "ms"
    )
    exit_ms: int = _setting(
        128,
        "Stop after",
        "How long it must be quiet before speech counts as over.",
        (32, 2000),
        "ms",
    )


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """How turns are taken."""

    mode: str = _setting(
        "hands-free",
        "Talking",
        "Hands-free listens all the time, push-to-talk only while a key is held.",
        choices=("hands-free", "push-to-talk"),
    )
    endpointing_mode: str = _setting(
        policy.DEFAULT_MODE,
        "Response timing",
        "How long a pause may last before Parley answers.",
        choices=tuple(policy.ENDPOINTING_MODES),
    )
    end_of_turn_threshold: float = _threshold(
        policy.END_P,
        "End of turn at",
        "How sure Parley must be that your turn is over. Higher waits longer.",
    )
    endpoint_max_wait_ms: int = _setting(
        int(policy.LONGEST_WAIT_MS),
        "Longest wait",
        "Silence after which your turn is over in any case.",
        (500, policy.LONGEST_WAIT_MS),
        "ms",
    )
    language: str = _setting(
        "auto", "Language", "The language you speak.", choices=("auto", "en", "zh")
    )
    allow_barge_in: bool = _setting(
        True, "May be interrupted", "Speaking while Parley speaks can stop it."
    )
    extra_stop_words: tuple[str, ...] = _setting(
        (), "More stop words", "Words that always stop Parley, besides “stop” and “wait”."
    )
    speculative: bool = _setting(
        True, "Prepare early", "Parley begins an answer in a short pause and drops it if you go on."
    )
    persona: str = _setting(
        "",
        "How it should talk",
        "One sentence for the instructions of every speech model, such as “answer in rhymes”.",
        longest=200,
    )


@dataclass(frozen=True, slots=True)
class OverlapSettings:
    """What happens when both speak at once."""

    duck_gain_db: float = _setting(
        policy.DUCK_GAIN_DB,
        "Quieter by",
        "Level of the voice while Parley judges what it hears.",
        (-60.0, 0.0),
        "dB",
    )
    duck_ramp_ms: int = _setting(
        int(policy.DUCK_RAMP_MS), "Quieter within", "Length of the ramp down.", (5, 500), "ms"
    )
    hold_threshold: float = _threshold(
        policy.HOLD_P,
        "Pause at",
        "How sure Parley must be that you want to speak before it pauses. Above “Stop at” it "
        "does not pause, it stops.",
    )
    interruption_threshold: float = _threshold(
        policy.CUT_P,
        "Stop at",
        "How sure Parley must be that you want to speak before it stops. A stop word always "
        "stops it.",
    )
    backchannel_threshold: float = _threshold(
        policy.RESUME_P,
        "Go on at",
        "How sure Parley must be that it heard an acknowledgement (“mm-hm”) or a noise before "
        "it goes on. Where both thresholds are passed, the one that is passed by more decides.",
    )
    decide_ms: int = _setting(
        int(policy.DECIDE_MS),
        "Decide within",
        "Time to judge what is said over the voice.",
        (100, 3000),
        "ms",
    )
    fade_ms: int = _setting(
        int(policy.FADE_MS), "Fade", "Length of the fade to silence.", (5, 500), "ms"
    )
    yield_deadline_ms: int = _setting(
        int(policy.YIELD_DEADLINE_MS),
        "Silence within",
        "If the fade has not ended by then, the sound is cut.",
        (50, 3000),
        "ms",
    )
    resume_ramp_ms: int = _setting(
        int(policy.RESUME_RAMP_MS),
        "Back within",
        "Length of the ramp back to full level.",
        (5, 500),
        "ms",
    )


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Who speaks and how fast."""

    preset: str = _setting(
        "heart", "Voice", "Name of a voice, or “first+second:weight” for a blend."
    )
    rate: float = _setting(1.0, "Speed", "1.0 is the voice's own speed.", (0.7, 1.5))


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which models think and speak, and how."""

    name: str = _setting(
        "cascade",
        "Model",
        "A name from `parley models list`, or local:NAME for a folder of your own.",
    )
    answers: str = _setting(
        "standard",
        "Answers",
        "Quick needs the least memory; better needs more time and an optional download.",
        choices=("quick", "standard", "better"),
    )
    threads: int = _setting(
        0,
        "Threads",
        "CPU threads of the language model. 0: one fewer than there are cores, at most 4.",
        (0, 64),
    )
    precision: str = _setting(
        "auto",
        "Precision",
        "How a large model is stored. Automatic: as many bits as fit into the free memory.",
        choices=("auto", "bf16", "int8", "int4"),
    )
    rhythm: str = _setting(
        "auto",
        "Rhythm",
        "How many tokens VITA-Audio writes at once. Automatic: as it was trained. Exact: "
        "checked by the whole model.",
        choices=("auto", "vanilla", "boost", "balance", "turbo", "gated", "verified"),
    )
    notes_mood: bool = _setting(
        False,
        "Tell how I sound",
        "Tells the Plus variants your mood in words, which they were not trained on.",
    )
    standby: bool = _setting(
        True,
        "Embedded assistant in reserve",
        "Keeps it loaded beside a large model (1.5 GB of memory), so that it takes over at once "
        "where that one does not fit.",
    )
    hub_mirror: str = _setting(
        "",
        "Mirror",
        "Address that large models are fetched from. Leave it empty for the hub itself.",
    )


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What is kept, and who may connect."""

    record_audio: bool = _setting(
        False,
        "Record audio",
        "Keeps the sound of conversations, and what was decided when and why, on this "
        "computer. About 350 MB an hour.",
    )
    keep_history: bool = _setting(
        True,
        "Keep conversations",
        "Off, from the next start on: conversations are forgotten when Parley closes.",
    )
    network: str = _setting(
        "when I ask",
        "Network",
        "When I ask: nothing connects by itself, only a download that you start. Never: "
        "downloads are refused as well.",
        choices=("when I ask", "never"),
    )


@dataclass(frozen=True, slots=True)
class AppearanceSettings:
    """How the window looks."""

    theme: str = _setting(
        "system", "Theme", "Colours of the window.", choices=("system", "light", "dark")
    )
    text_scale_percent: int = _setting(
        100, "Text size", "Compared with the system's text size.", (80, 200), "%"
    )
    reduce_motion: bool = _setting(False, "Less motion", "No animations.")
    ui_language: str = _setting(
        "system",
        "Language of the window",
        "System: that of the desktop.",
        choices=("system", "en", "zh"),
    )
    show_history: bool = _setting(True, "Show conversations", "The list on the left.")
    show_diagnostics: bool = _setting(
        False, "Show what is happening", "Latencies, signals and decisions."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; the field names are the section names of the file."""

    audio: AudioSettings = AudioSettings()
    vad: VadSettings = VadSettings()
    conversation: ConversationSettings = ConversationSettings()
    overlap: OverlapSettings = OverlapSettings()
    voice: VoiceSettings = VoiceSettings()
    model: ModelSettings = ModelSettings()
    privacy: PrivacySettings = PrivacySettings()
    appearance: AppearanceSettings = AppearanceSettings()

    def value(self, section: str, key: str) -> Value:
        """Return one setting. Raises AttributeError for a name that is none of ``options()``."""
        return cast(Value, getattr(getattr(self, section), key))

    def with_value(self, section: str, key: str, value: Value) -> Settings:
        """Return a copy with one setting changed, unchecked (see ``problem_with``)."""
        return replace(self, **{section: replace(getattr(self, section), **{key: value})})


def options() -> tuple[OptionInfo, ...]:
    """Return every setting in the order of the dialog's pages."""
    defaults = Settings()
    return tuple(
        OptionInfo(section, item.name, cast(Value, item.default), item.metadata[_OPTION])
        for section in section_names()
        for item in fields(getattr(defaults, section))
    )


def section_names() -> tuple[str, ...]:
    """Return the names of the file's tables."""
    return tuple(item.name for item in fields(Settings))

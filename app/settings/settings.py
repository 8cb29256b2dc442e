"""Every setting, declared once: default, unit, range, choices and words for the settings dialog.

Knows nothing of files (``app.settings.file``) nor of widgets; both read the declarations here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TypeVar, cast

from app.settings.option import Option, OptionInfo, Value
from model.duplex import policy

_OPTION = "option"

_T = TypeVar("_T", bound=Value)


def _setting(default: _T, option: Option) -> _T:
    return field(default=default, metadata={_OPTION: option})


def _threshold(label: str, help_text: str) -> Option:
    return Option(label, help_text, "", policy.LEAST_P, policy.MOST_P)


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """Devices and what is done to their signals."""

    input_device: str = _setting(
        "",
        Option("Microphone", "Empty: the system's default.", needs_restart=True),
    )
    output_device: str = _setting(
        "",
        Option("Loudspeaker", "Empty: the system's default.", needs_restart=True),
    )
    echo_cancellation: bool = _setting(
        True,
        Option(
            "Echo cancellation",
            "Removes the loudspeaker from the microphone. Without it use headphones.",
            needs_restart=True,
        ),
    )
    noise_suppression: bool = _setting(
        True,
        Option("Noise suppression", "Lowers steady noise such as fans.", needs_restart=True),
    )
    gain_control: bool = _setting(
        False,
        Option("Automatic gain", "Raises a quiet microphone.", needs_restart=True),
    )
    output_volume_db: float = _setting(
        0.0,
        Option("Volume", "Level of the voice below full scale.", "dB", -40.0, 0.0),
    )
    latency_ms: int = _setting(
        60,
        Option(
            "Device latency",
            "Time asked of the sound device. Less answers sooner but may crackle.",
            "ms",
            10,
            500,
            needs_restart=True,
        ),
    )
    block_ms: int = _setting(
        20,
        Option("Block length", "Length of one device callback.", "ms", 5, 100, needs_restart=True),
    )


@dataclass(frozen=True, slots=True)
class VadSettings:
    """When a sound counts as speech."""

    enter_threshold: float = _setting(
        0.5, Option("Speech begins at", "Voice probability that starts speech.", "", 0.05, 0.95)
    )
    exit_threshold: float = _setting(
        0.35,
        Option(
            "Speech ends below",
            "Voice probability that ends speech; not above the one that starts it.",
            "",
            0.01,
            0.95,
        ),
    )
    enter_ms: int = _setting(
        96, Option("Start after", "Voice must last this long to count.", "ms", 32, 1000)
    )
    exit_ms: int = _setting(
        128, Option("Stop after", "Quiet must last this long to count.", "ms", 32, 2000)
    )


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """How turns are taken."""

    mode: str = _setting(
        "hands-free",
        Option(
            "Talking",
            "Hands-free listens all the time; push-to-talk while a key is held.",
            choices=("hands-free", "push-to-talk"),
        ),
    )
    endpointing_mode: str = _setting(
        policy.DEFAULT_MODE,
        Option(
            "Response timing",
            "How long a pause may last before Parley answers.",
            choices=tuple(policy.ENDPOINTING_MODES),
        ),
    )
    end_of_turn_threshold: float = _setting(
        policy.END_P,
        _threshold(
            "End of turn at",
            "How sure Parley must be that your turn is over. Higher waits longer.",
        ),
    )
    endpoint_max_wait_ms: int = _setting(
        int(policy.LONGEST_WAIT_MS),
        Option(
            "Longest wait",
            "Silence after which your turn is over anyway.",
            "ms",
            500,
            policy.LONGEST_WAIT_MS,
        ),
    )
    language: str = _setting(
        "auto",
        Option("Language", "The language you speak.", choices=("auto", "en", "zh")),
    )
    allow_barge_in: bool = _setting(
        True, Option("May be interrupted", "Speaking while Parley speaks can stop it.")
    )
    extra_stop_words: tuple[str, ...] = _setting(
        (), Option("More stop words", "Words that always stop Parley, besides “stop” and “wait”.")
    )
    speculative: bool = _setting(
        True,
        Option("Prepare early", "Begins an answer at a short pause; drops it if you go on."),
    )
    persona: str = _setting(
        "",
        Option(
            "How it should talk",
            "One sentence for the instructions of every speech model, such as “answer in rhymes”.",
            longest=200,
        ),
    )


@dataclass(frozen=True, slots=True)
class OverlapSettings:
    """What happens when both speak at once."""

    duck_gain_db: float = _setting(
        policy.DUCK_GAIN_DB,
        Option("Quieter by", "Level of the voice while it is judged.", "dB", -60.0, 0.0),
    )
    duck_ramp_ms: int = _setting(
        int(policy.DUCK_RAMP_MS), Option("Quieter within", "Length of the ramp down.", "ms", 5, 500)
    )
    hold_threshold: float = _setting(
        policy.HOLD_P,
        _threshold(
            "Pause at",
            "How sure Parley must be that you want to speak before it pauses. Above “Stop at” it "
            "does not pause, it stops.",
        ),
    )
    interruption_threshold: float = _setting(
        policy.CUT_P,
        _threshold(
            "Stop at",
            "How sure Parley must be that you want to speak before it stops. A stop word always "
            "stops it.",
        ),
    )
    backchannel_threshold: float = _setting(
        policy.RESUME_P,
        _threshold(
            "Go on at",
            "How sure Parley must be that it heard an acknowledgement (“mm-hm”) or a noise before "
            "it goes on. Where low values let both speak, what is further above its own wins.",
        ),
    )
    decide_ms: int = _setting(
        int(policy.DECIDE_MS), Option("Decide within", "Time to judge an overlap.", "ms", 100, 3000)
    )
    fade_ms: int = _setting(
        int(policy.FADE_MS), Option("Fade", "Length of the fade to silence.", "ms", 5, 500)
    )
    yield_deadline_ms: int = _setting(
        int(policy.YIELD_DEADLINE_MS),
        Option(
            "Silence within", "If the fade is not over by then, all is dropped.", "ms", 50, 3000
        ),
    )
    resume_ramp_ms: int = _setting(
        int(policy.RESUME_RAMP_MS),
        Option("Back within", "Length of the ramp back to full level.", "ms", 5, 500),
    )


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Who speaks and how fast."""

    preset: str = _setting(
        "heart", Option("Voice", "A voice's id, or “first+second:weight” for a blend.")
    )
    rate: float = _setting(1.0, Option("Speed", "1.0 is the voice's own speed.", "", 0.7, 1.5))


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What thinks and speaks."""

    name: str = _setting(
        "cascade",
        Option("Model", "A name of `parley models list`, or local:NAME for a folder of your own."),
    )
    answers: str = _setting(
        "standard",
        Option(
            "Answers",
            "Quick needs the least memory; better needs more time and an optional download.",
            choices=("quick", "standard", "better"),
        ),
    )
    threads: int = _setting(
        0,
        Option(
            "Threads",
            "CPU threads of the language model; 0: one less than there are cores, 4 at most.",
            "",
            0,
            64,
        ),
    )
    precision: str = _setting(
        "auto",
        Option(
            "Precision",
            "How a large model is stored. Automatic: as many bits as fit into the free memory.",
            choices=("auto", "bf16", "int8", "int4"),
        ),
    )
    rhythm: str = _setting(
        "auto",
        Option(
            "Rhythm",
            "How many tokens VITA-Audio writes at once. Automatic: as it was trained; exact: "
            "checked by the whole model.",
            choices=("auto", "vanilla", "boost", "balance", "turbo", "gated", "verified"),
        ),
    )
    notes_mood: bool = _setting(
        False,
        Option(
            "Tell how I sound",
            "The Plus variants are told your mood in words; they were not trained on that.",
        ),
    )
    standby: bool = _setting(
        True,
        Option(
            "Embedded assistant in reserve",
            "Kept loaded beside a large model (1.5 GB of memory), so that it takes over at once "
            "where that one does not fit.",
        ),
    )
    hub_mirror: str = _setting(
        "",
        Option("Mirror", "Address of a mirror that large models come from; empty: the hub itself."),
    )


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What is kept, and who may connect."""

    record_audio: bool = _setting(
        False,
        Option(
            "Record audio",
            "Keeps the sound of conversations, and what was decided when and why, on this "
            "computer. About 350 MB an hour.",
        ),
    )
    keep_history: bool = _setting(
        True,
        Option(
            "Keep conversations",
            "Off: conversations are forgotten when Parley closes.",
            needs_restart=True,
        ),
    )
    network: str = _setting(
        "when I ask",
        Option(
            "Network",
            "When I ask: nothing connects by itself, only a download that you start. Never: "
            "downloads are refused as well.",
            choices=("when I ask", "never"),
        ),
    )


@dataclass(frozen=True, slots=True)
class AppearanceSettings:
    """How the window looks."""

    theme: str = _setting(
        "system", Option("Theme", "Colours of the window.", choices=("system", "light", "dark"))
    )
    text_scale_percent: int = _setting(
        100, Option("Text size", "Of the system's text size.", "%", 80, 200)
    )
    reduce_motion: bool = _setting(False, Option("Less motion", "No animations."))
    ui_language: str = _setting(
        "system",
        Option("Language of the window", "System: as the desktop.", choices=("system", "en", "zh")),
    )
    show_history: bool = _setting(True, Option("Show conversations", "List at the left."))
    show_diagnostics: bool = _setting(
        False, Option("Show what is happening", "Latencies and signals.")
    )


Section = (
    AudioSettings
    | VadSettings
    | ConversationSettings
    | OverlapSettings
    | VoiceSettings
    | ModelSettings
    | PrivacySettings
    | AppearanceSettings
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
        """Raises AttributeError for a name that is none of ``options()``."""
        return cast(Value, getattr(getattr(self, section), key))

    def with_value(self, section: str, key: str, value: Value) -> Settings:
        """A copy with one setting changed; the value is not checked (see ``problem_with``)."""
        changed: Section = replace(getattr(self, section), **{key: value})
        return replace(self, **{section: changed})  # pyright: ignore[reportArgumentType]


def options() -> tuple[OptionInfo, ...]:
    """Every setting in the order of the dialog's pages."""
    defaults = Settings()
    found: list[OptionInfo] = []
    for section in section_names():
        page: Section = getattr(defaults, section)
        for item in fields(page):
            option = cast(Option, item.metadata[_OPTION])
            found.append(OptionInfo(section, item.name, cast(Value, item.default), option))
    return tuple(found)


def section_names() -> tuple[str, ...]:
    return tuple(item.name for item in fields(Settings))

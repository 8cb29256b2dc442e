"""All that the window may read: one frozen picture of the engine, replaced as a whole."""

from dataclasses import dataclass, field

from app.dialogue.captions import CaptionLine
from app.dialogue.latency import LatencySpans
from app.dialogue.state import Phase
from app.messages.notices import Notice


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Health of the engine."""

    spans: LatencySpans = field(default_factory=LatencySpans)
    n_input_overflows: int = 0
    n_output_underflows: int = 0
    n_starvations: int = 0
    n_late_callbacks: int = 0
    queue_depths: dict[str, int] = field(default_factory=dict[str, int])
    real_time_factor: float = 0.0
    resident_mb: float = 0.0
    worker_mb: float = 0.0
    echo_return_loss_db: float | None = None
    has_echo_converged: bool = False
    input_device: str = ""
    output_device: str = ""


@dataclass(frozen=True, slots=True)
class TracePoint:
    """One tenth of a second for the "what is happening" plot; levels in dBFS.

    Attributes:
        echo_dbfs: what is left of the loudspeaker in the microphone; -120 where none is expected
            or a voice covers it.
    """

    at_s: float
    mic_dbfs: float
    out_dbfs: float
    p_speech: float
    p_end_of_turn: float
    p_interruption: float
    p_backchannel: float = 0.0
    p_noise: float = 0.0
    echo_dbfs: float = -120.0


@dataclass(frozen=True, slots=True)
class TraceMark:
    """A decision on the plot's time axis; see ``app.dialogue.decisions.Decision``."""

    at_s: float
    what: str
    cause: str = ""
    reason: str = ""
    numbers: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class DownloadInfo:
    """Model files on their way.

    Attributes:
        names: what was asked for, as in the command.
        name: the file that is arriving; "" while others are before it.
        n_bytes: of all files that were missing; 0 while unknown.
        bytes_per_s: over the last seconds; 0.0 while unknown.
        left_s: None while unknown.
        note: what it waits for, "" for nothing.
        error: why it ended, one line; "" while it goes on.
    """

    names: tuple[str, ...]
    name: str = ""
    n_done: int = 0
    n_bytes: int = 0
    bytes_per_s: float = 0.0
    left_s: float | None = None
    note: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class EngineSnapshot:
    """The engine as the window sees it, 30 times a second.

    Attributes:
        now_s: seconds on the microphone's clock.
        loading: what is being loaded ("" when nothing) and ``loading_fraction`` in [0, 1].
        interrupted_at_s: when the user last interrupted; the window shows it for a while.
        trace: last 60 s, oldest first.
        downloads: of model files: running, waiting and failed ones.
        n_weight_changes: grows when a file arrived or was removed.
        only_voice: name of the voice of a model that has just one; "" where there is a choice.
    """

    now_s: float = 0.0
    phase: Phase = Phase.STARTING
    is_user_speaking: bool = False
    is_mic_open: bool = True
    is_hands_free: bool = True
    is_talk_held: bool = False
    is_device_lost: bool = False
    loading: str = ""
    loading_fraction: float = 0.0
    mic_dbfs: float = -120.0
    out_dbfs: float = -120.0
    interrupted_at_s: float | None = None
    conversation_id: int | None = None
    captions: tuple[CaptionLine, ...] = ()
    notices: tuple[Notice, ...] = ()
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    trace: tuple[TracePoint, ...] = ()
    marks: tuple[TraceMark, ...] = ()
    n_history_changes: int = 0
    downloads: tuple[DownloadInfo, ...] = ()
    n_weight_changes: int = 0
    only_voice: str = ""

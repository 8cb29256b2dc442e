"""From settings to the rules of each part."""

from dataclasses import dataclass

from app.dialogue.state import DialogueRules
from app.settings.settings import Settings
from audio_io.interfaces import StreamRequest
from audio_io.vad import SegmenterSettings
from model.duplex.policy import Thresholds
from model.types import VoiceChoice


@dataclass(frozen=True, slots=True)
class Phrases:
    """Word lists of the languages that are spoken."""

    stop: tuple[str, ...] = ()
    backchannels: tuple[str, ...] = ()


def thresholds(settings: Settings) -> Thresholds:
    """Return how much must speak for an action; predictor and dialogue go by the same."""
    overlap = settings.overlap
    return Thresholds(
        end_p=settings.conversation.end_of_turn_threshold,
        hold_p=overlap.hold_threshold,
        cut_p=overlap.interruption_threshold,
        resume_p=overlap.backchannel_threshold,
    )


def dialogue_rules(settings: Settings, phrases: Phrases) -> DialogueRules:
    """Return when to listen, answer and yield."""
    conversation, overlap, at = settings.conversation, settings.overlap, thresholds(settings)
    return DialogueRules(
        end_of_turn_threshold=at.end_p,
        hold_threshold=at.hold_p,
        interruption_threshold=at.cut_p,
        backchannel_threshold=at.resume_p,
        endpoint_max_wait_ms=conversation.endpoint_max_wait_ms,
        decide_ms=overlap.decide_ms,
        yield_deadline_ms=overlap.yield_deadline_ms,
        is_speculative=conversation.speculative,
        allows_barge_in=conversation.allow_barge_in,
        stop_phrases=(*phrases.stop, *conversation.extra_stop_words),
        backchannels=phrases.backchannels,
    )


def segmenter_settings(settings: Settings) -> SegmenterSettings:
    """Return when a voice counts as speech."""
    vad = settings.vad
    return SegmenterSettings(
        enter_p=vad.enter_threshold,
        exit_p=vad.exit_threshold,
        enter_ms=vad.enter_ms,
        exit_ms=vad.exit_ms,
    )


def stream_request(settings: Settings) -> StreamRequest:
    """Return which devices to open, and how."""
    audio = settings.audio
    return StreamRequest(
        input_name=audio.input_device or None,
        output_name=audio.output_device or None,
        block_ms=audio.block_ms,
        latency_ms=audio.latency_ms,
    )


def voice_choice(settings: Settings) -> VoiceChoice:
    """Return who speaks and how fast."""
    return VoiceChoice(settings.voice.preset, settings.voice.rate)

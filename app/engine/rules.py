"""From settings to the rules of each part. The only place that knows both."""

from __future__ import annotations

from dataclasses import dataclass

from app.dialogue.dialogue import PlaybackRules
from app.dialogue.state import DialogueRules
from app.settings.settings import Settings
from audio_io.capture import CaptureSettings
from audio_io.interfaces import StreamRequest
from audio_io.vad import SegmenterSettings
from model.types import VoiceChoice


@dataclass(frozen=True, slots=True)
class Phrases:
    """Word lists of the languages that are spoken."""

    stop: tuple[str, ...] = ()
    backchannels: tuple[str, ...] = ()


def dialogue_rules(settings: Settings, phrases: Phrases) -> DialogueRules:
    """When to listen, answer and yield."""
    conversation, overlap = settings.conversation, settings.overlap
    return DialogueRules(
        end_of_turn_threshold=conversation.end_of_turn_threshold,
        hold_threshold=overlap.hold_threshold,
        interruption_threshold=overlap.interruption_threshold,
        backchannel_threshold=overlap.backchannel_threshold,
        endpoint_max_wait_ms=conversation.endpoint_max_wait_ms,
        decide_ms=overlap.decide_ms,
        yield_deadline_ms=overlap.yield_deadline_ms,
        is_speculative=conversation.speculative,
        allows_barge_in=conversation.allow_barge_in,
        stop_phrases=(*phrases.stop, *conversation.extra_stop_words),
        backchannels=phrases.backchannels,
    )


def playback_rules(settings: Settings) -> PlaybackRules:
    """How to duck and fade."""
    overlap = settings.overlap
    return PlaybackRules(
        duck_gain_db=overlap.duck_gain_db,
        duck_ramp_ms=overlap.duck_ramp_ms,
        fade_ms=overlap.fade_ms,
        resume_ramp_ms=overlap.resume_ramp_ms,
    )


def capture_settings(settings: Settings) -> CaptureSettings:
    """When a voice counts as speech."""
    vad = settings.vad
    return CaptureSettings(
        segmenter=SegmenterSettings(
            enter_p=vad.enter_threshold,
            exit_p=vad.exit_threshold,
            enter_ms=vad.enter_ms,
            exit_ms=vad.exit_ms,
        ),
    )


def stream_request(settings: Settings) -> StreamRequest:
    """Which devices, and how."""
    audio = settings.audio
    return StreamRequest(
        input_name=audio.input_device or None,
        output_name=audio.output_device or None,
        block_ms=audio.block_ms,
        latency_ms=audio.latency_ms,
    )


def voice_choice(settings: Settings) -> VoiceChoice:
    return VoiceChoice(settings.voice.preset, settings.voice.rate)

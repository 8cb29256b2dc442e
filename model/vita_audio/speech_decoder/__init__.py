"""Audio codes to speech: flow-matching model and HiFT vocoder, streaming."""

from model.vita_audio.speech_decoder.decoder import SpeechDecoder
from model.vita_audio.speech_decoder.stream import SpeechDecodeStream

__all__ = ["SpeechDecodeStream", "SpeechDecoder"]

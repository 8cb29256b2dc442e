"""Audio codes to speech: flow-matching model and HiFT vocoder, streaming."""

from model.vita_audio.speech_decoder.decode_stream import SpeechDecodeStream
from model.vita_audio.speech_decoder.decoder import SpeechDecoder

__all__ = ["SpeechDecodeStream", "SpeechDecoder"]

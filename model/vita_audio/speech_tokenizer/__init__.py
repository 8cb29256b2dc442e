"""The GLM-4-Voice speech tokenizer: 16 kHz speech to 12.5 codes a second. Knows no language."""

from model.vita_audio.speech_tokenizer.token_stream import SpeechTokenStream
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

__all__ = ["SpeechTokenStream", "SpeechTokenizer"]

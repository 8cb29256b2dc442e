"""Audio codes to speech: flow-matching model and HiFT vocoder, streaming."""

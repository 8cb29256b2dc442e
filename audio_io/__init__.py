"""The signal plane: devices, rings, resampling, echo cancellation, voice activity, playback.

Knows nothing of Qt, torch, models or dialogue.
"""

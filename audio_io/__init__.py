"""The signal plane: devices, rings, resampling, echo cancellation, voice activity, playback."""

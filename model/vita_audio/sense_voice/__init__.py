"""SenseVoice: how the Plus variants hear the user, and what it says about how they spoke."""

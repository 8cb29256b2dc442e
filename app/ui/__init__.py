"""The window. Knows the session's door (``SessionPort``) and Qt; no audio, no model, no engine."""

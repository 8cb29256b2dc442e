"""The application: dialogue, session, history, scenes, scorecards and the window."""

__version__ = "0.1.0"

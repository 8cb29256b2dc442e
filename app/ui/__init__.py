"""The window, which knows Qt and the session's commands and snapshots, and nothing below them."""

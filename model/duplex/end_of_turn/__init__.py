"""The end of a turn by what the recogniser and the language model have computed already."""

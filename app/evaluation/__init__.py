"""Measurements: turn-taking, conversations, recognition, synthesis and spoken questions."""

"""Training of the word spotter: words and replies, scenes of them, the network's twin in torch."""

"""Training of the regression that weighs all that is known of a voice over the reply."""

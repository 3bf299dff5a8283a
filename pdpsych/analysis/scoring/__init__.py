"""From thresholds to the distance of each model to the human."""

"""From trials to thresholds."""

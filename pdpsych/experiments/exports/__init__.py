"""Sessions as datasets that other programs read."""

"""The door to PsychoPy: screen, keys, and whether the screen is the one described."""

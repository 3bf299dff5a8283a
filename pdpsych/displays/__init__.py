"""Displays: their luminance at each level, and what they make of an image."""

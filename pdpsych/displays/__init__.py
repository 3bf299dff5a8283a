"""Displays: their luminance at each level, and what they make of an image."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

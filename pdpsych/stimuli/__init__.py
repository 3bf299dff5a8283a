"""Base images and stimulus sets, and what displays show of them; only ``generate`` needs torch."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

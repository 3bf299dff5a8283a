"""A whole study: a new one, what is wrong with it, and how far it is; never needs torch."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

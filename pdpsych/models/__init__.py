"""Models of vision as representations.

Names load when they are first used: addresses are read on machines without PyTorch, models are not.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

"""Local geometry of representations: sensitivities, the metric, and the solvers.

Names load when they are first used; all of them need PyTorch.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

"""Principal distortions of vision models, measured in people.

Sub-packages load when they are first used, so that the lab machine never meets torch.

Examples
--------
>>> import pdpsych
>>> "stimuli" in dir(pdpsych)
True
"""

import lazy_loader as lazy

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

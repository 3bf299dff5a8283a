"""From trial logs to thresholds, scores, figures and a report; never needs torch.

:func:`fit` estimates the thresholds of people, :func:`score` how far each model is from them,
:func:`report` writes a page of both; :func:`plan` says beforehand how many trials, images and
people are enough.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

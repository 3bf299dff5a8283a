from . import analysis as analysis
from . import displays as displays
from . import experiments as experiments
from . import geometry as geometry
from . import models as models
from . import stimuli as stimuli
from . import studies as studies

__version__: str
__all__ = ["analysis", "displays", "experiments", "geometry", "models", "stimuli", "studies"]

from .calibration.calibrating import calibrate as calibrate
from .calibration.calibration import Calibration as Calibration
from .creation import NewImage as NewImage
from .creation import NewPair as NewPair
from .generation.builder import SetUnfinished as SetUnfinished
from .generation.builder import generate as generate
from .generation.responding import add_finite_responses as add_finite_responses
from .photographs.images import load_image as load_image
from .photographs.images import sample_names as sample_names
from .question import Question as Question
from .recipe import Preprocess as Preprocess
from .recipe import Recipe as Recipe
from .responses.figures import plot_finite_responses as plot_finite_responses
from .responses.finite_response import FiniteResponse as FiniteResponse
from .responses.shown import shown_responses as shown_responses
from .set_figures import plot_scree as plot_scree
from .set_figures import plot_stimuli as plot_stimuli
from .set_image import SetImage as SetImage
from .set_image import SetPair as SetPair
from .stimulus_set import StimulusSet as StimulusSet

__all__ = [
    "Calibration",
    "FiniteResponse",
    "NewImage",
    "NewPair",
    "Preprocess",
    "Question",
    "Recipe",
    "SetImage",
    "SetPair",
    "SetUnfinished",
    "StimulusSet",
    "add_finite_responses",
    "calibrate",
    "generate",
    "load_image",
    "plot_finite_responses",
    "plot_scree",
    "plot_stimuli",
    "sample_names",
    "shown_responses",
]

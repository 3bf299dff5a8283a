from .display import Display as Display
from .display_file import choose_model as choose_model
from .display_file import import_csv as import_csv
from .fitting.validation import ModelComparison as ModelComparison
from .fitting.validation import compare as compare
from .inspection import Inspection as Inspection
from .inspection import inspect as inspect
from .measured_curve import MeasuredCurve as MeasuredCurve
from .measurement_file import read_measurements as read_measurements
from .measurements import Measurements as Measurements
from .measurements import Reading as Reading
from .measuring.measuring import Measured as Measured
from .measuring.measuring import measure as measure
from .measuring.monitor_centre import export_monitor as export_monitor
from .measuring.monitor_centre import import_monitor as import_monitor
from .measuring.readings import MeasurementStopped as MeasurementStopped
from .measuring.verification import Verification as Verification
from .measuring.verification import last_verification as last_verification
from .measuring.verification import verify as verify
from .rendering import Shown as Shown
from .rendering import largest_amplitude as largest_amplitude
from .rendering import quantize as quantize
from .rendering import show as show

__all__ = [
    "Display",
    "Inspection",
    "Measured",
    "MeasuredCurve",
    "MeasurementStopped",
    "Measurements",
    "ModelComparison",
    "Reading",
    "Shown",
    "Verification",
    "choose_model",
    "compare",
    "export_monitor",
    "import_csv",
    "import_monitor",
    "inspect",
    "largest_amplitude",
    "last_verification",
    "measure",
    "quantize",
    "read_measurements",
    "show",
    "verify",
]

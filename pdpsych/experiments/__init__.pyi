from .experiment import Experiment as Experiment
from .exports.exporting import export as export
from .exports.frames import export_frames as export_frames
from .logs.collected import read_logs as read_logs
from .logs.figures import plot_session as plot_session
from .logs.session_log import SessionLog as SessionLog
from .logs.session_log import read_log as read_log
from .logs.timing import TimingSummary as TimingSummary
from .observers.model_observer import ModelObserver as ModelObserver
from .observers.observer import SessionStopped as SessionStopped
from .observers.simulated import SimulatedObserver as SimulatedObserver
from .observers.spec import ObserverSpec as ObserverSpec
from .observers.spec import observer_from as observer_from
from .placement.psychometric import (
    amplitude_at as amplitude_at,
)
from .placement.psychometric import (
    proportion_correct as proportion_correct,
)
from .roster.attendance import Attendance as Attendance
from .roster.attendance import attendance as attendance
from .roster.roster import Roster as Roster
from .sessions.outlining import Outline as Outline
from .sessions.outlining import outline as outline
from .sessions.session import run as run

__all__ = [
    "Attendance",
    "Experiment",
    "ModelObserver",
    "ObserverSpec",
    "Outline",
    "Roster",
    "SessionLog",
    "SessionStopped",
    "SimulatedObserver",
    "TimingSummary",
    "amplitude_at",
    "attendance",
    "export",
    "export_frames",
    "observer_from",
    "outline",
    "plot_session",
    "proportion_correct",
    "read_log",
    "read_logs",
    "run",
]

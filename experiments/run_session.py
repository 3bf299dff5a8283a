"""Start a session without a terminal: open this file in PsychoPy's Coder or Runner and run it.

Dialogs ask for one of the experiments of this folder, or for what is due by the study's
sessions.yaml, and then for participant, session and run. What goes wrong is said in a dialog, too.
"""

from pathlib import Path

from psychopy import gui

from pdpsych import experiments
from pdpsych.common.errors import InputError
from pdpsych.experiments.person import dialog

FOLDER = Path(__file__).resolve().parent
TITLE = "pdpsych"
DUE = "what is due"


def choose():
    """Return which experiment, and whether only to try it out; None if cancelled."""
    question = gui.Dlg(title=TITLE)
    names = sorted(path.name for path in FOLDER.glob("*.yaml"))
    if (FOLDER.parent / "sessions.yaml").exists():
        names.insert(0, DUE)
    question.addField("experiment", choices=names, label="Experiment")
    question.addField("try", False, label="Only try out: in a window, calibrated or not")
    answers = question.show()
    if not answers:
        return None
    chosen = answers["experiment"]
    return FOLDER.parent if chosen == DUE else FOLDER / chosen, answers["try"]


def run(path, try_out):
    """Run a session, or go on with it, and return what is to be said at its end."""
    # Who only tries an experiment out takes no place in the study.
    unplanned = try_out and path != FOLDER.parent
    try:
        participant, session, run = dialog.ask(path, unplanned=unplanned)
        log = experiments.run(
            path,
            participant,
            session=session,
            run=run,
            unplanned=unplanned,
            windowed=try_out,
            uncalibrated=try_out,
        )
    except experiments.SessionStopped as stopped:
        return f"{stopped}; start it again with the same answers to go on"
    return log.describe()


def main():
    """Ask and run until a session has ended."""
    while (chosen := choose()) is not None:
        try:
            gui.infoDlg(TITLE, run(*chosen))
            return
        except InputError as error:
            gui.criticalDlg(TITLE, str(error))


if __name__ == "__main__":
    main()

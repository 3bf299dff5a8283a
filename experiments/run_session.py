"""Start a session without a terminal: open this file in PsychoPy's Coder or Runner and run it.

Dialogs ask for one of the experiments of this folder, and then for participant, session and run.
What goes wrong is said in a dialog, too.
"""

from pathlib import Path

from psychopy import gui

from pdpsych import experiments
from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.experiments.person import dialog

FOLDER = Path(__file__).resolve().parent
TITLE = "pdpsych"


def choose():
    """Return which experiment, and whether only to try it out; None if cancelled."""
    question = gui.Dlg(title=TITLE)
    names = sorted(path.name for path in FOLDER.glob("*.yaml"))
    question.addField("experiment", choices=names, label="Experiment")
    question.addField("try", False, label="Only try out: in a window, calibrated or not")
    answers = question.show()
    return answers and (FOLDER / answers["experiment"], answers["try"])


def run(path, try_out):
    """Run a session, or go on with it, and return what is to be said at its end."""
    experiment = load(path, experiments.Experiment)
    try:
        participant, session, run = dialog.ask(experiment)
        log = experiments.run(
            experiment,
            participant,
            session=session,
            run=run,
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

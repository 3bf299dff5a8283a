"""How often fixation was broken, where a study says how far it is."""

import yaml
from model_world import finite_set
from observers import LGN

from pdpsych import studies
from pdpsych.experiments import observer_from, run
from pdpsych.experiments.logs.gaze import Looked
from pdpsych.experiments.observers.presentation import Interruption

LOOKED = Looked(x_deg=0.1, y_deg=-0.2, largest_deg=3.0, lost_s=0.0, samples=12)


class LooksAway:
    """An observer who looks away in the first presentation of some trials."""

    def __init__(self, observer, away):
        self.description, self._observer, self._away = observer.description, observer, away

    def respond(self, presentation):
        reason = self._away.get(presentation.planned.number)
        if reason and not presentation.planned.again:
            del self._away[presentation.planned.number]
            return Interruption(reason, "first", LOOKED if reason == "gaze" else None)
        return self._observer.respond(presentation)


def test_status_and_the_session_say_how_often(tmp_path):
    for folder in ("stimuli/sets", "experiments"):
        (tmp_path / folder).mkdir(parents=True)
    known = finite_set(tmp_path / "stimuli" / "sets" / "known")
    path = tmp_path / "experiments" / "watched.yaml"
    fields = {"stimulus_set": "../stimuli/sets/known", "display": {}, "trials_per_condition": 2}
    path.write_text(yaml.safe_dump(fields))
    assert "fixation" not in studies.status(tmp_path).describe()
    away = {2: "gaze", 3: "lost", 4: "pause"}
    log = run(path, observer=LooksAway(observer_from(LGN, known), away))
    assert log.broken == 2
    aside = "trials set aside and shown again later: 3, 2 of them because fixation was broken"
    assert aside in log.describe()
    assert log.entries[1].gaze == LOOKED
    assert "not calibrated, fixation broken in 2 trials" in studies.status(tmp_path).describe()
    experiment = yaml.safe_load(path.read_text()) | {"gaze": {"tracker": "mouse"}}
    path.write_text(yaml.safe_dump(experiment))
    (problem,) = studies.check(tmp_path).problems
    assert (problem.field, problem.value) == ("gaze.radius_deg", 2.0)
    path.write_text(yaml.safe_dump(fields | {"spot_check": {"instrument": "typed"}}))
    (problem,) = studies.check(tmp_path).problems
    assert problem.field == "curve"
    assert "whose grey was measured" in problem.problem

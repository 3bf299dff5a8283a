"""How far sessions that ask about models are, beside what they tell."""

import yaml
from model_world import finite_set

from pdpsych import analysis, studies
from pdpsych.experiments import ObserverSpec, run


def test_status_and_fit_say_which_model_is_the_nearest(tmp_path):
    for folder in ("stimuli/sets", "experiments", "analysis"):
        (tmp_path / folder).mkdir(parents=True)
    finite_set(tmp_path / "stimuli" / "sets" / "known")
    experiment = {
        "stimulus_set": "../stimuli/sets/known",
        "display": {"curve": "srgb"},
        "trials_per_condition": 10,
        "method": {"kind": "models"},
        "stop": {"probability": 0.999, "most": 20},
    }
    path = tmp_path / "experiments" / "asked.yaml"
    path.write_text(yaml.safe_dump(experiment))
    log = run(path, observer=ObserverSpec(model="LN"))
    nearest = log.trials["nearest"].iloc[-1]
    assert log.belief.startswith(f"{nearest} is the nearest model with probability 0.")
    told = studies.status(tmp_path).describe()
    assert f"sub-01 ses-01: {log.belief}" in told
    # The session ended by its rule: nothing of it is left to do.
    assert "20 of 20" in told
    (tmp_path / "analysis" / "main.yaml").write_text("experiment: ../experiments/asked.yaml\n")
    trials = analysis.read_trials(tmp_path / "analysis" / "main.yaml")
    assert any(log.belief in note for note in trials.notes)
    assert not any("unfinished" in note for note in trials.notes)

"""Rivals from a session to the report."""

from __future__ import annotations

import numpy as np
import pytest
from observers import LGN
from rival_set import RATIOS, write_rival_set

from pdpsych import analysis, experiments

TAKEN = "principal-rival-2"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study whose participant sees like LGN, with the second rival of camel's pair."""
    study = tmp_path_factory.mktemp("rivals")
    for folder in ("stimuli", "experiments", "analysis"):
        (study / folder).mkdir()
    write_rival_set(study / "stimuli" / "set")
    experiment = study / "experiments" / "taken.yaml"
    experiment.write_text(
        "stimulus_set: ../stimuli/set\ndisplay: {}\ntrials_per_condition: 80\n"
        f"rivals: [camel/{TAKEN}]\n"
    )
    (study / "analysis" / "main.yaml").write_text(
        "experiment: ../experiments/taken.yaml\nsamples: 500\nbootstrap: 0\n"
    )
    experiments.run(experiment, "01", observer=LGN)
    return study / "analysis" / "main.yaml"


@pytest.fixture(scope="module")
def scores(study):
    return analysis.score(study, write=False)


def test_a_score_knows_which_rival_was_shown(scores):
    measured = [("camel", TAKEN), ("einstein", "principal"), ("parrot", "principal")]
    human = scores.human[scores.human["participant"] == "01"].set_index(["image", "pair"])
    assert list(human.index) == measured
    # The observer is LGN, whose ratio on the rival has the other sign than on the pair.
    assert human["log_ratio"]["camel", TAKEN] == pytest.approx(-1.4, abs=0.8)
    table = scores.scores.set_index(["image", "pair", "model"])["log_ratio"]
    assert set(table.index.droplevel("model")) == set(measured)
    for (image, pair, model), ratio in table.items():
        assert ratio == pytest.approx(RATIOS[image, pair][model])


def test_a_rivals_trials_belong_to_its_pairs_question(scores):
    assert set(scores.human["kind"]) == {"principal"}
    ranking = scores.ranking
    assert ranking["model"].iloc[0] == "LGN"
    own = scores.scores[scores.scores["model"] == "LGN"]
    expected = own.groupby("image")["score"].mean().mean()
    assert ranking.set_index("model")["raw_score"]["LGN"] == pytest.approx(expected, abs=1e-6)
    assert own["image"].nunique() == 3


def test_a_report_lists_rivals_and_which_was_measured(study):
    text = analysis.report(study).read_text(encoding="utf-8")
    for name, measured in (("principal-rival-1", "no"), (TAKEN, "yes")):
        row = text[text.index(f"<td>{name}</td>") :].partition("</tr>")[0]
        assert f"<td>{measured}</td>" in row
        assert f"{RATIOS['camel', name]['LGN']:+.2f}" in row
    assert "3 of 3 pairs of the set" in text
    assert "of 1 pair another optimum nearly as good took the place" in text


def test_models_added_later_are_scored_on_the_rival_too(study):
    added = analysis.add_models(study, ["identity"], write=False)
    known = added.log_ratios().set_index(["image", "pair"])["log_ratio"]
    assert set(known.index) == set(RATIOS)
    # Of unit norm, and the identity sees all distortions alike.
    assert np.abs(known).max() < 1e-5
    table = analysis.score(study, added=added, write=False).scores
    own = table[table["model"] == "identity"].set_index("image")["pair"]
    assert own.to_dict() == {"camel": TAKEN, "einstein": "principal", "parrot": "principal"}


def test_plans_are_drawn_from_the_rival_that_is_measured(study):
    from pdpsych.analysis.definition import open_analysis
    from pdpsych.analysis.planning.world import build_world

    opened = open_analysis(study)
    world = build_world(opened, opened.open_experiment().open_set(), LGN)
    shown = set(zip(world.ratios["image"], world.ratios["pair"], strict=True))
    assert ("camel", TAKEN) in shown
    assert ("camel", "principal") not in shown
    assert {(c.image, c.pair) for c in world.placements} == shown
    u, v = (world.thresholds["LGN"]["camel", TAKEN, n] for n in (1, 2))
    assert np.log(v / u) == pytest.approx(-1.4)

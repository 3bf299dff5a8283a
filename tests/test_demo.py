from __future__ import annotations

import pytest
from refusals import refused

from pdpsych import demo


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "study"
    return folder, demo.run(folder, quick=True)


def test_the_simulated_truth_comes_first_and_is_told_apart(done):
    _, scores = done
    principal = scores.ranking[scores.ranking["kind"] == "principal"]
    assert principal.iloc[0]["model"] == "LGN"
    assert scores.conclusion.startswith("LGN ")
    # Three images and participants are few: the worst model can be told apart, not every one.
    assert principal.iloc[-1]["difference_low"] > 0


def test_principal_distortions_separate_what_random_ones_do_not(done):
    _, scores = done
    spread = scores.ranking.groupby("kind")["score"].agg(lambda x: x.max() - x.min())
    assert spread["principal"] > 20 * spread["random"]


def test_a_finished_demo_is_only_shown_again_and_says_that_nobody_took_part(done, capsys):
    folder, scores = done
    manifest = folder / "stimuli" / "sets" / "demo" / "manifest.json"
    before = manifest.stat().st_mtime_ns
    again = demo.run(folder, quick=True)
    assert manifest.stat().st_mtime_ns == before
    assert again.ranking.equals(scores.ranking)
    assert "No person took part" in capsys.readouterr().out
    page = (folder / "analysis" / "results" / "demo" / "report.html").read_text()
    assert "simulated" in page


def test_a_folder_of_another_study_is_left_alone(done):
    folder, _ = done
    with refused(file=folder / "experiments", remedy="`out`"):
        demo.run(folder, quick=True, observer="LG")

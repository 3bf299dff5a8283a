import json

import numpy as np
import pytest
import small_study

from pdpsych.analysis import fit, open_analysis, score
from pdpsych.analysis.scoring.questions import chosen_by, in_words
from pdpsych.stimuli import StimulusSet


@pytest.fixture(scope="module")
def study(write_study):
    """A study whose principal pairs were chosen by two of the three models."""
    folder = write_study(trials=20)
    path = folder / "stimuli/small/manifest.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["images"]:
        asked = {"name": "ends", "models": ["LN", "LGN"], "number": 1, "objective": 2.0}
        entry["pairs"][0]["question"] = asked
    path.write_text(json.dumps(manifest))
    # The sessions were of that set.
    for log in (folder / "experiments/data/early").glob("*.jsonl"):
        log.unlink()
    sha256 = StimulusSet.open(path.parent).sha256
    log = folder / "experiments/data/early/sub-01_ses-01.jsonl"
    small_study.write_log(log, "01", sha256, 20, "person", 0)
    return folder


def test_models_that_pairs_were_not_chosen_by_are_marked(study):
    opened = open_analysis(study).open_experiment().open_set()
    ratios = opened.log_ratios()
    named = ratios.assign(chosen=chosen_by(opened, ratios)).groupby(["kind", "model"])["chosen"]
    assert named.unique().map(bool).to_dict() == {
        ("ends", "LN"): True,
        ("ends", "LG"): False,
        ("ends", "LGN"): True,
        ("random", "LN"): True,
        ("random", "LG"): True,
        ("random", "LGN"): True,
    }
    assert in_words(opened) == {"ends": "variance over LN, LGN"}


def test_a_score_says_what_was_asked(study):
    scored = score(study, fit=fit(study, write=False), write=False)
    text = scored.describe()
    assert "mean score on ends distortions (variance over LN, LGN), 95 % interval" in text
    lines = [line for line in text.splitlines() if "(took no part)" in line]
    assert len(lines) == 2
    assert " LG " in lines[0]
    assert "images of ends distortions" in scored.conclusion
    assert scored.source["questions"] == {"ends": "variance over LN, LGN"}
    assert np.isfinite(scored.separation["difference"]).all()

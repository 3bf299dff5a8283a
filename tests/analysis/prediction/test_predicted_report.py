"""What a report says of predictions."""

import shutil
from dataclasses import replace

import pytest

from pdpsych.analysis import report, score
from pdpsych.analysis.reporting.comparison_sections import drawn_ratios


@pytest.fixture
def page(study, fitted, known, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    scored = score(copy, fit=fitted, write=False)
    made = report(copy, fit=fitted, scores=scored)
    return made.parent, made.read_text(encoding="utf-8")


def test_predictions_come_before_local_scores_with_their_figures(page):
    folder, text = page
    places = [
        text.index(f"<h2>{heading}</h2>")
        for heading in ("Predictive score", "Predicted curves", "Score at threshold", "Scores")
    ]
    assert places == sorted(places)
    assert "By local sensitivities" in text
    for name in ("predictive-principal", "predictive-random", "predicted"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 1000
    assert "By the thresholds of the other participants" in text
    assert "log probability per trial of the answers" in text


def test_without_responses_there_is_nothing_of_it(study, fitted, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    text = report(copy, fit=fitted, scores=score(copy, fit=fitted, write=False)).read_text("utf-8")
    assert "Predictive score" not in text
    assert "Predicted curves" not in text
    assert "By local sensitivities" not in text


def test_images_are_drawn_of_what_is_known(study, fitted, known):
    scored = score(study, fit=fitted, write=False)
    table, whose = drawn_ratios(scored, "principal")
    assert whose == "of the thresholds that models predict"
    assert set(table["kind"]) == {"principal"}
    blind = scored.at_threshold.assign(log_ratio=float("nan"))
    table, whose = drawn_ratios(replace(scored, at_threshold=blind), "principal")
    assert whose == "of sensitivities"
    assert table["log_ratio"].notna().all()

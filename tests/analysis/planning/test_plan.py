import dataclasses

import numpy as np
import pandas as pd
import pytest
from refusals import refused

from pdpsych.analysis import open_analysis, plan
from pdpsych.analysis.planning.figures import plan_panels, plot_power
from pdpsych.analysis.planning.plan import size_table
from pdpsych.analysis.planning.simulated_study import Size, simulate_study
from pdpsych.analysis.planning.world import build_world
from pdpsych.experiments import ObserverSpec

SIZES = {"participants": (1, 2), "images": (2, 8), "trials": (5, 30)}


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=2, participants=(), samples=300)


@pytest.fixture(scope="module")
def planned(study):
    return plan(study, **SIZES, studies=3, jobs=1)


def test_there_is_a_row_for_each_size(planned):
    table = planned.cells
    assert len(table) == 8
    assert (table["studies"] == 3).all()
    assert (table["power"] == table["right"] / 3).all()
    assert ((table["power_low"] <= table["power"]) & (table["power"] <= table["power_high"])).all()
    # Two distortions of an image, 30 trials each.
    assert table.query("images == 8 and trials == 30")["trials_each"].tolist() == [480, 480]


def test_more_data_narrow_the_intervals_and_find_the_right_model(planned):
    table = planned.cells.set_index(["participants", "images", "trials"])
    assert table.loc[(1, 8, 30), "power"] >= 0.5
    assert table.loc[(1, 8, 30), "power"] > table.loc[(1, 2, 5), "power"]
    for images in (2, 8):
        widths = table["ratio_width"].xs(images, level="images")
        # Of bounds alone there is no width.
        assert not widths.loc[(1, 30)] >= widths.loc[(1, 5)]
        assert widths.loc[(1, 30)] > 0


def test_each_model_is_the_truth_in_turn(planned):
    truths = planned.studies.drop_duplicates("study").set_index("study")["truth"]
    assert truths.tolist() == ["LN", "LG", "LGN"]
    assert planned.kind == "principal"


def test_it_is_written_and_told(planned, study):
    folder = study / "analysis/results/main"
    names = {"plan.csv", "plan.json", "plan_studies.csv", "plan.png", "plan.pdf"}
    assert names <= {path.name for path in folder.iterdir()}
    pd.testing.assert_frame_equal(pd.read_csv(folder / "plan.csv"), planned.cells)
    text = planned.describe()
    assert "3 simulated studies of each size, principal distortions" in text
    assert planned.advice in text


def test_the_advice_is_the_fewest_trials_that_are_enough(planned):
    # In the order of participants, images, trials.
    power = [0.2, 0.96, 0.5, 0.99, 0.3, 0.95, 0.99, 1.0]
    enough = dataclasses.replace(planned, cells=planned.cells.assign(power=power))
    assert "1 participant × 2 images × 30 trials" in enough.advice
    assert enough.advice.endswith("does not extend to others.")
    weak = dataclasses.replace(planned, cells=planned.cells.assign(power=np.array(power) / 2))
    assert weak.advice.startswith("No size reaches 95%; 2 participants × 8 images × 30 trials")


def test_a_study_is_the_same_wherever_it_is_simulated(study, planned):
    there = plan(study, **SIZES, studies=2, jobs=2, write=False).studies
    here = planned.studies.query("study < 2").reset_index(drop=True)
    pd.testing.assert_frame_equal(there, here)


def test_a_smaller_study_is_part_of_a_larger_one(study):
    opened = open_analysis(study)
    stimulus_set = opened.open_experiment().open_set()
    world = build_world(opened, stimulus_set, ObserverSpec(model="LGN"))
    small, large = Size(1, 2, 10), Size(2, 3, 20)
    alone = simulate_study(world, "LGN", 3, [small, large])
    other = simulate_study(world, "LGN", 3, [large, small])
    first, second = (pd.DataFrame(sorted(found)) for found in (alone, other))
    pd.testing.assert_frame_equal(first, second)


def test_models_that_agree_with_the_truth_are_not_told_apart(study):
    opened = open_analysis(study)
    stimulus_set = opened.open_experiment().open_set()
    world = build_world(opened, stimulus_set, ObserverSpec(model="LGN"))
    twin = world.ratios[world.ratios["model"] == "LGN"].assign(model="twin")
    both = world.__class__(**(vars(world) | {"ratios": pd.concat([world.ratios, twin])}))
    outcomes = simulate_study(both, "LGN", 0, [Size(2, 6, 40)])
    assert outcomes[0].closest == ""


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("truth", "LNG", "LN"),
        ("images", (), "from 1 to 1000"),
        ("trials", (0, 10), "from 1 to 1000"),
        ("images", (2, 10**30), "from 1 to 1000"),
        ("studies", 0, "at least 1"),
        ("jobs", -1, "at least 1"),
    ],
)
def test_what_cannot_be_planned_is_said(study, field, value, allowed):
    with refused(field=field, value=value, allowed=allowed):
        plan(study, **{field: value})


def test_an_observers_file_with_another_model_is_named(study, tmp_path):
    path = tmp_path / "stranger.yaml"
    path.write_text("model: LNG\n")
    with refused(file=path, field="model", value="LNG", allowed="LN"):
        plan(study, truth=path)


def test_a_plan_that_is_not_written_leaves_the_results_alone(write_study):
    study = write_study(trials=2, participants=(), samples=300)
    small = {"participants": [1], "images": [2], "trials": [4], "studies": 1, "jobs": 1}
    planned = plan(study, **small, write=False)
    assert not (study / "analysis/results").exists()
    assert plan(study, **small) == planned


def test_an_observers_file_says_what_participants_are_like(study, tmp_path):
    path = tmp_path / "lazy.yaml"
    path.write_text("model: LG\nlapse: 0.05\nspread: 0.1\n")
    found = plan(study, truth=path, participants=[1], images=[2], trials=[4], studies=2, jobs=1)
    assert found.observer["lapse"] == 0.05
    assert set(found.studies["truth"]) == {"LG"}


def test_cells_count_right_wrong_and_undecided():
    rows = [(0, "A", "A"), (1, "A", ""), (2, "B", "A"), (3, "B", "B"), (4, "B", "B")]
    studies = pd.DataFrame(rows, columns=["study", "truth", "closest"]).assign(
        participants=1, images=2, trials=3, score_width=np.arange(5.0), ratio_width=1.0
    )
    row = size_table(studies, 2).iloc[0]
    assert (row["right"], row["wrong"], row["studies"]) == (3, 1, 5)
    assert (row["hardest"], row["hardest_power"]) == ("A", 0.5)
    assert row["score_width"] == 2


def test_power_is_drawn_for_each_number_of_participants(planned):
    ax = plot_power(planned.cells, 30)
    lines = [container.lines[0] for container in ax.containers]
    assert [container.get_label() for container in ax.containers] == ["1", "2"]
    expected = planned.cells.query("trials == 30 and participants == 2")
    np.testing.assert_allclose(lines[1].get_ydata().astype(float), expected["power"])
    np.testing.assert_allclose(lines[1].get_xdata().astype(float), [2, 8], rtol=0.03)
    assert len(plan_panels(planned.cells).axes) == 4


def test_no_width_is_cut_off_where_panels_share_an_axis(planned):
    cells = planned.cells.assign(score_width=planned.cells["trials"] * 1.0)
    below = plan_panels(cells).axes[2:]
    assert all(ax.get_ylim()[1] > 30 for ax in below)
    assert max(line.get_ydata().max() for ax in below for line in ax.lines) == 30

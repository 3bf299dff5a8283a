import pytest

from pdpsych.experiments.logs.columns import TRIAL_COLUMNS, trial_column
from pdpsych.experiments.logs.records import Trial


def test_every_field_of_a_trial_has_a_meaning():
    fields = set(Trial.model_fields) - {"record", "timing", "belief", "ended", "events", "gaze"}
    fields |= {"gaze_x", "gaze_y", "gaze_largest", "gaze_lost"}
    assert fields <= set(TRIAL_COLUMNS)
    assert all(trial_column(name).description for name in fields)


def test_times_of_phases_have_a_meaning():
    assert trial_column("reference_blank_onset").description.startswith(
        "onset of the phase reference_blank"
    )
    assert trial_column("first_offset").units == trial_column("answer_sent").units == "s"


@pytest.mark.parametrize("name", ["onset", "first_duration", "_offset", "colour"])
def test_a_column_without_a_meaning_is_an_error(name):
    with pytest.raises(KeyError):
        trial_column(name)

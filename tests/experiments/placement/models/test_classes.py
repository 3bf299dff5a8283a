import numpy as np
import pytest

from pdpsych.experiments.placement.models.classes import SideClasses


def test_every_model_is_a_side_and_half_way_is_nobodys():
    classes = SideClasses.of(("A", "B", "C"))
    assert len(classes.share) == 3 + 3 * 5
    assert np.bincount(classes.groups).tolist() == [5, 5, 5, 3]
    assert classes.prior.sum() == pytest.approx(1)
    by_group = np.bincount(classes.groups, classes.prior)
    assert by_group == pytest.approx([2 / 9, 2 / 9, 2 / 9, 1 / 3])
    asked = np.bincount(classes.groups, classes.asked_by)
    assert asked == pytest.approx([0.3, 0.3, 0.3, 0.1])


def test_people_on_the_way_have_ratios_between():
    classes = SideClasses.of(("A", "B"))
    found = classes.between(np.array([[1.0, 2.0], [3.0, -2.0]]))
    np.testing.assert_allclose(found[:2], [[1, 2], [3, -2]])
    at = {share: row for share, row in zip(classes.share, found, strict=True)}
    np.testing.assert_allclose(at[0.2], [1.4, 1.2])
    np.testing.assert_allclose(at[0.5], [2.0, 0.0])
    near = dict(zip(classes.share[2:], classes.groups[2:], strict=True))
    assert near == {0.2: 0, 0.4: 0, 0.5: 2, 0.6: 1, 0.8: 1}

"""What a roster says of its places: balanced exactly, and never another when people are added."""

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.experiments import Roster
from pdpsych.experiments.roster.assignment import Assignment, balanced_orders

NAMES = ("a", "b", "c", "d", "e", "f")


def drawn(shares, count, seed, participants=None):
    """Return a roster of so many groups and so many experiments that change places."""
    balance = {"balance": NAMES[:count]} if count > 1 else {}
    return Roster(
        groups={f"group {i}": {"share": share} for i, share in enumerate(shares)},
        sessions=(*NAMES[:count], "always"),
        seed=seed,
        participants=participants,
        **balance,
    )


rosters = st.builds(
    drawn, st.lists(st.integers(1, 3), max_size=3), st.integers(1, 6), st.integers(0, 10**6)
)


def what(assignment):
    return {
        name: getattr(assignment, name) for name in ("group", "cell", "order", "swapped", "days")
    }


@given(rosters, st.integers(1, 40), st.integers(0, 40))
def test_a_place_stays_what_it_is_when_people_are_added(roster, place, more):
    longer = roster.model_copy(update={"participants": place + more})
    assert what(Assignment(longer, place)) == what(Assignment(roster, place))


@given(st.lists(st.sampled_from(["near", "far"]), min_size=1, max_size=12), st.integers(0, 99))
def test_groups_that_are_named_are_as_named(groups, seed):
    people = {f"{n:02d}": group for n, group in enumerate(groups, start=1)}
    roster = Roster(
        groups={"near": {}, "far": {}},
        sessions=("a", "b"),
        balance=("a", "b"),
        participants=people,
        seed=seed,
    )
    found = [Assignment(roster, place) for place in range(1, len(groups) + 1)]
    assert [one.group for one in found] == groups
    for group in ("near", "far"):
        numbers = [one.number for one in found if one.group == group]
        assert numbers == list(range(1, len(numbers) + 1))
    fewer = roster.model_copy(update={"participants": dict(list(people.items())[:-1])})
    for place in range(1, len(groups)):
        assert what(Assignment(fewer, place)) == what(found[place - 1])


@given(rosters)
def test_each_round_has_its_groups_orders_and_keys(roster):
    orders = len(balanced_orders(len(roster.balanced(next(iter(roster.groups), "")))))
    shares = {name: group.share for name, group in roster.groups.items()} or {"": 1}
    size = sum(shares.values())
    found = [Assignment(roster, place) for place in range(1, 4 * orders * size + 1)]
    for start in range(0, len(found), size):
        seated = Counter(one.group for one in found[start : start + size])
        assert seated == shares
    for group in shares:
        own = [one for one in found if one.group == group]
        assert [one.number for one in own] == list(range(1, len(own) + 1))
        for start in range(0, len(own), orders):
            turn = own[start : start + orders]
            assert max(Counter(one.order for one in turn).values()) == 1
            if orders > 1:
                assert sum(one.swapped for one in turn) == orders / 2
        for start in range(0, len(own) - 2 * orders + 1, 2 * orders):
            crossed = Counter((one.order, one.swapped) for one in own[start : start + 2 * orders])
            assert set(crossed.values()) == {1}
            assert len(crossed) == 2 * orders


@given(rosters, st.integers(1, 7))
def test_shares_of_images_cross_with_orders_and_keys(roster, shares):
    group = next(iter(roster.groups), "")
    orders = len(balanced_orders(len(roster.balanced(group))))
    own, place = [], 0
    while len(own) < 2 * orders * shares:
        place += 1
        if Assignment(roster, place).group == group:
            own.append(Assignment(roster, place).enrolled(1))
    crossed = Counter((one.order, one.swapped, one.share(shares)) for one in own)
    assert len(crossed) == len(own)
    together = math.lcm(2 * orders, shares)
    for start in range(0, len(own), together):
        went_round = Counter(one.share(shares) for one in own[start : start + together])
        assert set(went_round.values()) == {together // shares}


@given(st.integers(2, 12))
def test_orders_are_balanced_for_place_and_neighbour(count):
    orders = balanced_orders(count)
    assert len(set(orders)) == len(orders) == count * (1 + count % 2)
    for place in range(count):
        assert set(Counter(order[place] for order in orders).values()) == {len(orders) // count}
    follow = Counter(pair for order in orders for pair in pairwise(order))
    assert len(follow) == count * (count - 1)
    assert len(set(follow.values())) == 1


@pytest.mark.parametrize(("count", "number"), [(0, 1), (1, 1), (2, 2), (3, 6)])
def test_of_few_things_there_are_all_orders(count, number):
    assert len(set(balanced_orders(count))) == number


def test_seeds_draw_other_assignments():
    def of(seed):
        roster = drawn([1, 1], 3, seed)
        return [what(Assignment(roster, place)) for place in range(1, 25)]

    assert of(1) == of(1)
    assert of(1) != of(2)
    assert len({str(of(seed)[0]) for seed in range(40)}) > 10


def test_names_change_places_in_all_sessions():
    roster = Roster(sessions=(("first", "a"), ("b", "a")), balance=("a", "b"))
    days = {Assignment(roster, place).days for place in (1, 2)}
    assert days == {(("first", "a"), ("b", "a")), (("first", "b"), ("a", "b"))}

"""A process's slots, by user."""

import pytest

from workers.slots import OthersFirst, Slots


def slots_make(*, users: int) -> Slots:
    slots = Slots(4)
    slots.users = users
    return slots


def take(slots: Slots, user: str, *, weight: int = 1, behind: bool = False) -> None:
    slots.take(user, weight=weight, behind=behind)


def test_a_user_alone_takes_them_all() -> None:
    slots = slots_make(users=1)
    for _ in range(4):
        take(slots, "a")


def test_who_has_a_share_lets_others_go_first_and_then_goes_on() -> None:
    slots = slots_make(users=2)
    take(slots, "a")
    take(slots, "a")
    with pytest.raises(OthersFirst):
        take(slots, "a")
    take(slots, "b")
    take(slots, "a", behind=True)
    slots.free("a")
    slots.free("a")
    take(slots, "a")


def test_a_weight_makes_a_share_larger() -> None:
    slots = slots_make(users=4)
    for _ in range(3):
        take(slots, "a", weight=3)
    with pytest.raises(OthersFirst):
        take(slots, "a", weight=3)


def test_of_more_users_than_slots_each_may_have_one() -> None:
    slots = slots_make(users=9)
    take(slots, "a")
    with pytest.raises(OthersFirst):
        take(slots, "a")

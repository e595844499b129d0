"""A process's slots and the users who share them."""

import pytest

from workers.slots import FairShareReached, Slots


def test_the_first_message_after_nobody_had_work_gets_a_slot() -> None:
    slots = Slots(4)
    slots.users = 0
    for _ in range(4):
        slots.take("mary", weight=1, requeued=False)


def test_a_user_with_its_share_lets_others_go_first() -> None:
    slots = Slots(4)
    slots.users = 2
    slots.take("mary", weight=1, requeued=False)
    slots.take("mary", weight=1, requeued=False)
    with pytest.raises(FairShareReached):
        slots.take("mary", weight=1, requeued=False)
    slots.take("lee", weight=1, requeued=False)
    slots.take("mary", weight=1, requeued=True)
    slots.free("mary")
    slots.free("mary")
    slots.take("mary", weight=1, requeued=False)

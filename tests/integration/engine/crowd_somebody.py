"""What everybody in a crowd has: chance, and an eye for what is there."""

import random
from collections.abc import Callable
from typing import Any

#: Something that begins when all of its round do.
Action = Callable[[], object]


class Somebody:
    """Chooses by chance what to do."""

    def __init__(self, chance: random.Random) -> None:
        self.random = chance

    def one_of(self, rows: Any) -> Any:
        """A row of the queryset, or None."""
        found = list(rows.order_by("pk").values_list("pk", flat=True))
        return rows.filter(pk=self.random.choice(found)).first() if found else None

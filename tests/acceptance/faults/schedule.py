"""A schedule: what goes wrong, together with what, and when. The same seed gives the same one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from tests.acceptance.faults.batch_kinds import BATCH_KINDS
from tests.acceptance.faults.kinds import CLOCK, KINDS, REFUSED, Fault

#: A step has so many faults, with these weights.
_TOGETHER = (1, 2, 3)
_WEIGHTS = (3, 4, 3)
_GAP_S = (0.1, 0.6)
#: Once in each pack: a worker whose clock is wrong is refused, and Redis forgets it.
_ON_PURPOSE = (CLOCK, REFUSED)
_FORGETS = ("F3 Redis killed, all lost", "F3 Redis flushed", "F3 Redis killed, file kept")
_ALL = KINDS | BATCH_KINDS
#: Not at the same time: a control's caller needs the database.
_NEVER_TOGETHER = ({"control", "truth"}, {"reconciler", "truth"})


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """Faults that are injected together."""

    #: Seconds after the end of the step before.
    after_s: float
    kinds: tuple[str, ...]
    #: How long they hold, in seconds.
    hold_s: float
    seed: int
    #: What the kinds are, by their names.
    catalogue: Mapping[str, type[Fault]] = field(repr=False)

    def __str__(self) -> str:
        return f"+{self.after_s:.2f} s, for {self.hold_s:.2f} s: {' & '.join(self.kinds)}"

    def faults(self) -> list[Fault]:
        """The faults, ready to inject."""
        random = Random(self.seed)
        return [self.catalogue[kind](Random(random.random())) for kind in self.kinds]


def schedule(
    *,
    seed: int,
    faults: int,
    kinds: tuple[str, ...] = (),
    catalogue: Mapping[str, type[Fault]] = _ALL,
) -> list[PlannedStep]:
    """So many faults, in steps.

    Kinds are drawn from a pack that is shuffled anew when it is used up: a schedule of as many
    faults as there are kinds has each kind about once. Each pack begins with a combination that is
    drawn on purpose, where its kinds are among them.

    Args:
        kinds: only these of the catalogue; by default all that a schedule of `mixed` has.
    """
    random = Random(seed)
    pack: list[str] = []
    steps = []
    while faults:
        wanted = min(faults, random.choices(_TOGETHER, _WEIGHTS)[0])
        chosen: list[str] = []
        if len(pack) < len(_TOGETHER):
            fresh = random.sample(kinds or tuple(KINDS), len(kinds or KINDS))
            chosen = _draw_on_purpose(fresh, random) if faults >= len(_TOGETHER) else []
            pack = fresh + pack
        chosen = chosen or _draw(pack, wanted, catalogue)
        holds = [random.uniform(*catalogue[kind].hold_s) for kind in chosen]
        step = PlannedStep(
            after_s=random.uniform(*_GAP_S),
            kinds=tuple(chosen),
            hold_s=max(holds),
            seed=random.getrandbits(32),
            catalogue=catalogue,
        )
        steps.append(step)
        faults -= len(chosen)
    return steps


def _draw_on_purpose(pack: list[str], random: Random) -> list[str]:
    """Take the combination off the pack; nothing where it lacks one of its kinds."""
    chosen = [*_ON_PURPOSE, random.choice(_FORGETS)]
    if not set(chosen) <= set(pack):
        return []
    for kind in chosen:
        pack.remove(kind)
    return chosen


def _draw(pack: list[str], wanted: int, catalogue: Mapping[str, type[Fault]]) -> list[str]:
    """Take up to so many off the pack that can go on together; at least one."""
    chosen = [pack.pop()]
    for kind in reversed(pack.copy()):
        if len(chosen) == wanted or catalogue[chosen[0]].alone:
            break
        if catalogue[kind].alone:
            continue
        targets = {catalogue[each].target for each in chosen}
        target = catalogue[kind].target
        together = targets | {target}
        if target not in targets and not any(never <= together for never in _NEVER_TOGETHER):
            pack.remove(kind)
            chosen.append(kind)
    return chosen

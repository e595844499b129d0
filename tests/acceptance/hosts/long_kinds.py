"""Faults that take longer than a short schedule has: packets are swallowed for half a minute.

By itself TCP sends again what nobody took after 25 s, and then after 51 s: whoever waits for that
stands still for as long once more after a heal.
"""

from typing import Any

import psycopg

from batchgen.db.postgresql.url import database
from tests.acceptance.faults.kinds import Fault
from tests.acceptance.faults.scene import Scene
from tests.acceptance.hosts.kinds import (
    NO_PAUSE_S,
    CutFromPostgres,
    CutFromRedis,
    CutWeb,
    world_of,
)
from tests.acceptance.hosts.network import Host
from tests.acceptance.hosts.world import World

#: From shortly after TCP's second try; seconds.
_LONG_S = (28.0, 34.0)
#: A host that says nothing for 5 s is asked three times, each 2 s after the other, and given up.
_GIVEN_UP_S = 11.0


class CutFromPostgresLong(CutFromPostgres):
    """A worker cannot reach the pooler."""

    hold_s = _LONG_S
    name = "worker cut from PostgreSQL for long"


class CutFromRedisLong(CutFromRedis):
    """A worker cannot reach any Redis."""

    hold_s = _LONG_S
    name = "worker cut from Redis for long"


class WebCutFromPostgresLong(CutWeb):
    """A web host cannot reach the pooler: it says so to whoever asks."""

    hold_s = _LONG_S
    name = "web cut from PostgreSQL for long"

    def others(self, world: World) -> list[Host]:
        return [world.network.hosts["pooler"]]


class LostWithRun(CutWeb):
    """A host is cut off while a transaction of its has the run, which no call begins without."""

    alone = True
    hold_s = _LONG_S
    no_pause_s = _GIVEN_UP_S + NO_PAUSE_S
    name = "host with a transaction cut off"

    def inject(self, scene: Scene) -> None:
        world = world_of(scene)
        self._host = self.random.choice(world.front.hosts)
        with self._host.entered():
            self._holding = self.connect(world)
        run = [scene.run.id]
        self._holding.execute("SELECT FROM runs_run WHERE id = %s FOR UPDATE", run)
        world.network.cut([self._host], self.others(world))

    def settle(self, scene: Scene) -> None:
        self._holding.close()
        super().settle(scene)

    def connect(self, world: World) -> "psycopg.Connection[Any]":
        """To the pooler, which has to notice that its client is gone."""
        return psycopg.connect(world.pooler.url)


class LostWithRunDirectly(LostWithRun):
    """Its connection is one to PostgreSQL itself."""

    name = "host with a direct transaction cut off"

    def connect(self, world: World) -> "psycopg.Connection[Any]":
        """As web without a pooler does."""
        options = database(world.database.url, pooled=False, pool_size=1)["OPTIONS"]
        del options["pool"]
        return psycopg.connect(world.database.url, **options)


#: Every kind, by its name in schedules and tables.
LONG: dict[str, type[Fault]] = {
    "H1 worker cut from PostgreSQL for long": CutFromPostgresLong,
    "H1 worker cut from Redis for long": CutFromRedisLong,
    "H2 web cut from PostgreSQL for long": WebCutFromPostgresLong,
    "H2 host with a transaction cut off": LostWithRun,
    "H2 host with a direct transaction cut off": LostWithRunDirectly,
}

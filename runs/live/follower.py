"""Follows the runs that somebody watches: one thread per web process, however many watch.

Again and again it reads what any process published, looks in PostgreSQL for what is new,
publishes that, and hands everything to the clients of this process. Of several processes that
find the same news, the stream takes those of one. Nothing is kept between two rounds but places:
what was missed while a server was away comes with the next round. Any other error is that of one
run, or of one client, and ends theirs: they come back, and begin anew.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection

from batchgen.db.clock import database_now
from batchgen.errors import NotFound
from runs.live import changes, stream
from runs.live.changes import Cursor
from runs.live.events import Event, Position, frame, frames, reset_frame
from runs.live.followed import Followed
from runs.live.outage import is_database_error, is_outage
from runs.live.snapshot import Snapshot
from runs.live.stream import Entry
from runs.live.subscriber import Batch, Subscriber, put_all
from runs.run_metrics import EVENT_LAG_S

log = logging.getLogger(__name__)
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
#: A round is followed by a rest of this many times what it computed: it never takes a core.
_REST = 3
#: A longer round than this was an opening's, and is none of the next one's business.
_LONG_S = 0.03
_AGAIN_S = 0.5
#: A run without news is looked at so often: its health changes with the time alone.
_HEALTH_S = 10.0
#: Without news for so long, the thread gives its database connection back.
_QUIET_S = 1.0


class Follower:
    """The thread. `join`, `leave` and `close` may be called from the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[tuple[bool, Subscriber]] = SimpleQueue()
        self._followed: dict[UUID, Followed] = {}
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._news_at = 0.0
        self._thread = threading.Thread(target=self._run, name="live-follower", daemon=True)
        self._thread.start()

    def join(self, subscriber: Subscriber) -> None:
        """Serve it from where it was on, without a gap and without a repeat."""
        self._asked.put((True, subscriber))
        self._wanted.set()

    def leave(self, subscriber: Subscriber) -> None:
        """Forget it."""
        self._asked.put((False, subscriber))
        self._wanted.set()

    def close(self) -> None:
        """End the thread, soon."""
        self._closed.set()
        self._wanted.set()

    # In the thread from here on.

    def _run(self) -> None:
        while not self._closed.is_set():
            if not self._followed and self._asked.empty():
                self._wanted.wait()
            self._wanted.clear()
            began = time.thread_time()
            rest_s = settings.LIVE_INTERVAL_S if self._round() else _AGAIN_S
            computed_s = min(time.thread_time() - began, _LONG_S)
            self._closed.wait(max(rest_s, _REST * computed_s))
        connection.close()

    def _round(self) -> bool:
        """Whether it went well."""
        try:
            self._take_in()
            self._read()
            for followed in self._news():
                self._alone(followed, self._look)
            for followed in [*self._followed.values()]:
                self._alone(followed, self._admit)
        except Exception as error:
            if is_outage(error):
                log.warning("live events wait: %s: %s", type(error).__name__, error)
            elif not self._closed.is_set():
                log.exception("live events failed; their streams end")
                for followed in [*self._followed.values()]:
                    self._give_up(followed)
            connection.close()
            return False
        finally:
            # Whoever opens a stream needs a connection too; asking for one each time, the news
            # would stand in their queue.
            if time.monotonic() - self._news_at > _QUIET_S:
                connection.close()
        return True

    def _alone(self, followed: Followed, step: Callable[[Followed], object]) -> None:
        """A step for one run: an error in it ends that run's streams, and no other's.

        Raises:
            Exception: a server is away; so it is for all runs.
        """
        try:
            step(followed)
        except Exception as error:
            if is_outage(error):
                raise
            if not self._closed.is_set():
                log.exception("live events of run %s failed; its streams end", followed.run_id)
            self._give_up(followed)
            if not is_database_error(error):
                # Perhaps for what its stream holds: those who come back begin a new one.
                stream.forget(followed.run_id)

    def _together(
        self, ask: Callable[[Mapping[UUID, Asked]], Answer], asked: Mapping[UUID, Asked]
    ) -> list[Answer]:
        """Ask for all runs at once; where that is refused, for each alone."""
        try:
            return [ask(asked)]
        except Exception as error:
            if is_outage(error):
                raise
        answers: list[Answer] = []

        def ask_alone(followed: Followed) -> None:
            answers.append(ask({followed.run_id: asked[followed.run_id]}))

        for run_id in asked:
            self._alone(self._followed[run_id], ask_alone)
        return answers

    def _give_up(self, followed: Followed) -> None:
        followed.end()
        del self._followed[followed.run_id]

    def _take_in(self) -> None:
        while not self._asked.empty():
            joins, subscriber = self._asked.get()
            run_id = subscriber.run_id
            followed = self._followed.setdefault(run_id, Followed(run_id=run_id))
            if joins:
                followed.joining.append(subscriber)
                continue
            followed.subscribers.discard(subscriber)
            followed.joining = [each for each in followed.joining if each is not subscriber]
            if not followed.subscribers and not followed.joining:
                del self._followed[run_id]

    def _read(self) -> None:
        """What the streams have that is new here."""
        for followed in [*self._followed.values()]:
            if followed.at is None:
                self._alone(followed, self._find)
        places = {run_id: each.at for run_id, each in self._followed.items() if each.at}
        for found in self._together(stream.read, places):
            for run_id, entries in found.items():
                self._alone(self._followed[run_id], partial(self._take, entries=entries))

    def _find(self, followed: Followed) -> None:
        if last := stream.tail(followed.run_id):
            self._advance(followed, last.at, last.cursor)
            # Those who followed a stream that was lost; nobody, where it is new here.
            followed.deliver(self._loop, reset_frame(last.at))

    def _take(self, followed: Followed, entries: Sequence[Entry]) -> None:
        content = followed.note([(entry.at, entry.event) for entry in entries])
        self._advance(followed, entries[-1].at, entries[-1].cursor)
        followed.deliver(self._loop, content)

    def _advance(self, followed: Followed, at: Position, cursor: bytes | None) -> None:
        followed.at = at
        if cursor is not None:
            followed.cursor = Cursor.loads(cursor)

    def _news(self) -> list[Followed]:
        """The runs to look at: new here, asked for as a whole, changed, or not for long."""
        cursors = {
            run_id: followed.cursor
            for run_id, followed in self._followed.items()
            if followed.cursor and not followed.ended
        }
        changed = set[UUID]().union(*self._together(changes.changed_runs, cursors))
        long_ago = time.monotonic() - _HEALTH_S
        changed |= {run_id for run_id in cursors if self._followed[run_id].looked_at < long_ago}
        return [
            followed
            for run_id, followed in self._followed.items()
            if run_id in changed or followed.cursor is None or followed.wants_whole
        ]

    def _look(self, followed: Followed) -> None:
        whole = followed.wants_whole
        self._news_at = followed.looked_at = time.monotonic()
        try:
            found = changes.changes_since(followed.run_id, followed.cursor, whole=whole)
        except NotFound:
            stream.forget(followed.run_id)
            followed.end()
            return
        if found.events and not self._publish(followed, found.events, found.cursor):
            return
        for at in found.written_at:
            EVENT_LAG_S.observe((database_now() - at).total_seconds())
        followed.cursor = found.cursor
        if whole:
            followed.snapshot = Snapshot(found.snapshot)

    def _publish(self, followed: Followed, events: Sequence[Event], cursor: Cursor) -> bool:
        places = stream.publish(
            followed.run_id, after=followed.at, events=events, cursor=cursor.dumps()
        )
        if places is None:
            self._find_again(followed)
            return False
        content = followed.note(list(zip(places, events, strict=True)))
        followed.cursor = cursor
        followed.deliver(self._loop, content)
        return True

    def _find_again(self, followed: Followed) -> None:
        """Somebody else published first, or the stream was lost: then a new one begins."""
        last = stream.tail(followed.run_id)
        if last is None or (followed.at and last.at < followed.at):
            followed.at, followed.cursor = (last.at if last else None), None
            followed.recent.clear()
            followed.snapshot = None

    def _open(self, followed: Followed) -> None:
        """Those who know nothing get the whole run; its last event says where it stands."""
        starting = [each for each in followed.joining if each.after is None]
        if not starting or followed.at is None or followed.snapshot is None:
            return
        followed.joining = [each for each in followed.joining if each.after is not None]
        *before, last = followed.snapshot.events()
        content = b"".join(frame(event) for event in before) + frame(last, followed.at)
        batch = Batch(content=content, upto=followed.at, last=followed.ended)
        self._loop.call_soon_threadsafe(put_all, starting, batch)
        followed.subscribers.update(starting)

    def _admit(self, followed: Followed) -> None:
        """Those who come back get what they missed, or a `reset`."""
        if followed.at is None or followed.cursor is None:
            return
        self._open(followed)
        for subscriber in [each for each in followed.joining if each.after is not None]:
            try:
                content = self._missed(followed, subscriber, followed.at)
            except Exception as error:
                if is_outage(error):
                    raise
                log.exception("a stream of run %s failed; it ends", followed.run_id)
                subscriber.end()
            else:
                subscriber.call(Batch(content=content, upto=followed.at, last=followed.ended))
                followed.subscribers.add(subscriber)
            followed.joining.remove(subscriber)

    def _missed(self, followed: Followed, subscriber: Subscriber, upto: Position) -> bytes:
        after = subscriber.after
        if after == upto:
            return b""
        if after is None or after > upto:
            return reset_frame(upto)
        if followed.recent and followed.recent[0][0] <= after:
            return frames([each for each in followed.recent if each[0] > after])
        entries = stream.between(followed.run_id, after, upto)
        if entries is None:
            return reset_frame(upto)
        return frames([(entry.at, entry.event) for entry in entries])

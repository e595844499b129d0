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
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from runs.live.events import Event, Name, Position, frame, frames, reset_frame
from runs.live.outage import is_database_error, is_outage
from runs.live.picture import Picture
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
#: Events of a run that are kept at hand.
_RECENT = 500
#: Without news for so long, the thread gives its database connection back.
_QUIET_S = 1.0


@dataclass(kw_only=True, slots=True)
class _Followed:
    """A run that somebody here watches."""

    run_id: UUID
    #: Where its stream ended when it was last read; None before, and when it was lost.
    at: Position | None = None
    cursor: Cursor | None = None
    subscribers: set[Subscriber] = field(default_factory=set)
    #: Those who do not know yet where they stand.
    joining: list[Subscriber] = field(default_factory=list)
    #: The latest events, without a gap up to `at`: most who come back were away for a moment.
    recent: deque[tuple[Position, Event]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    #: The run at `at`, once somebody asked for all of it.
    picture: Picture | None = None

    @property
    def ended(self) -> bool:
        return self.cursor is not None and self.cursor.ended

    def note(self, events: Sequence[tuple[Position, Event]]) -> bytes:
        """Take what follows `at`; it as bytes."""
        self.at = events[-1][0]
        self.recent.extend(events)
        if any(event.name == Name.RESET for _, event in events):
            # Another process began the stream anew: what happened before is not in it.
            self.picture = None
        if self.picture is not None:
            self.picture.apply(event for _, event in events)
        return frames(events)

    def deliver(self, loop: asyncio.AbstractEventLoop, content: bytes) -> None:
        """To all who follow, in the loop; the last batch ends their streams."""
        if self.at is None:
            return
        batch = Batch(content=content, upto=self.at, last=self.ended)
        loop.call_soon_threadsafe(put_all, tuple(self.subscribers), batch)


class Follower:
    """The thread. `join`, `leave` and `close` may be called from the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[tuple[bool, Subscriber]] = SimpleQueue()
        self._followed: dict[UUID, _Followed] = {}
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

    def _alone(self, followed: _Followed, step: Callable[[_Followed], object]) -> None:
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

        def ask_alone(followed: _Followed) -> None:
            answers.append(ask({followed.run_id: asked[followed.run_id]}))

        for run_id in asked:
            self._alone(self._followed[run_id], ask_alone)
        return answers

    def _give_up(self, followed: _Followed) -> None:
        _end(followed)
        del self._followed[followed.run_id]

    def _take_in(self) -> None:
        while not self._asked.empty():
            joins, subscriber = self._asked.get()
            run_id = subscriber.run_id
            followed = self._followed.setdefault(run_id, _Followed(run_id=run_id))
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

    def _find(self, followed: _Followed) -> None:
        if last := stream.tail(followed.run_id):
            self._advance(followed, last.at, last.cursor)
            # Those who followed a stream that was lost; nobody, where it is new here.
            followed.deliver(self._loop, reset_frame(last.at))

    def _take(self, followed: _Followed, entries: Sequence[Entry]) -> None:
        content = followed.note([(entry.at, entry.event) for entry in entries])
        self._advance(followed, entries[-1].at, entries[-1].cursor)
        followed.deliver(self._loop, content)

    def _advance(self, followed: _Followed, at: Position, cursor: bytes | None) -> None:
        followed.at = at
        if cursor is not None:
            followed.cursor = Cursor.loads(cursor)

    def _news(self) -> list[_Followed]:
        """The runs to look at: new here, asked for as a whole, or changed."""
        cursors = {
            run_id: followed.cursor
            for run_id, followed in self._followed.items()
            if followed.cursor and not followed.ended
        }
        changed = set[UUID]().union(*self._together(changes.probe, cursors))
        return [
            followed
            for run_id, followed in self._followed.items()
            if run_id in changed or followed.cursor is None or _wants_whole(followed)
        ]

    def _look(self, followed: _Followed) -> None:
        whole = _wants_whole(followed)
        self._news_at = time.monotonic()
        try:
            found = changes.look(followed.run_id, followed.cursor, whole=whole)
        except NotFound:
            stream.forget(followed.run_id)
            _end(followed)
            return
        if found.events and not self._publish(followed, found.events, found.cursor):
            return
        for at in found.written_at:
            EVENT_LAG_S.observe((database_now() - at).total_seconds())
        followed.cursor = found.cursor
        if whole:
            followed.picture = Picture(found.snapshot)

    def _publish(self, followed: _Followed, events: Sequence[Event], cursor: Cursor) -> bool:
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

    def _find_again(self, followed: _Followed) -> None:
        """Somebody else published first, or the stream was lost: then a new one begins."""
        last = stream.tail(followed.run_id)
        if last is None or (followed.at and last.at < followed.at):
            followed.at, followed.cursor = (last.at if last else None), None
            followed.recent.clear()
            followed.picture = None

    def _open(self, followed: _Followed) -> None:
        """Those who know nothing get the whole run; its last event says where it stands."""
        starting = [each for each in followed.joining if each.after is None]
        if not starting or followed.at is None or followed.picture is None:
            return
        followed.joining = [each for each in followed.joining if each.after is not None]
        *before, last = followed.picture.events()
        content = b"".join(frame(event) for event in before) + frame(last, followed.at)
        batch = Batch(content=content, upto=followed.at, last=followed.ended)
        self._loop.call_soon_threadsafe(put_all, starting, batch)
        followed.subscribers.update(starting)

    def _admit(self, followed: _Followed) -> None:
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

    def _missed(self, followed: _Followed, subscriber: Subscriber, upto: Position) -> bytes:
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


def _wants_whole(followed: _Followed) -> bool:
    return followed.picture is None and any(each.after is None for each in followed.joining)


def _end(followed: _Followed) -> None:
    for subscriber in (*followed.subscribers, *followed.joining):
        subscriber.end()
    followed.joining.clear()

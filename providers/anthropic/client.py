"""The provider client: worker threads call it, an event loop does the work."""

import atexit
import os
import threading
from concurrent.futures import Future

from providers.anthropic.session import Session, Settings
from providers.values import Answer, CompletionRequest


class Call:
    """One call under way; made by `ProviderClient.start`."""

    def __init__(self, session: Session, request: CompletionRequest) -> None:
        self._session = session
        self._outcome: Future[Answer] = Future()
        session.submit(request, self._outcome)

    def result(self) -> Answer:
        """Wait for the answer; at most the client's deadline and its wait for a connection.

        Raises:
            ProviderError: there is no answer; the error says why and what to do.
            CallAborted: `abort()` or the client's `close()` came first.
        """
        return self._outcome.result()

    def abort(self) -> None:
        """Give the call up, from any thread: `result()` raises CallAborted within milliseconds.

        The connection is closed, so the provider may notice; it may bill the call all the same.
        A call that is done stays as it is.
        """
        self._session.abort(self._outcome)


class ProviderClient:
    """One process's client: any number of threads may use it at the same time.

    The thread, the loop and the SDK's client are built by the first call, so a client may be
    made before a fork; what a parent built is not used by its child, which builds its own. A
    process must not fork while its threads are in `start`.

    Answers are not streamed: with our caps (2,000 to 8,000 tokens) they take seconds to two
    minutes, the deadline covers the whole call, and TCP keep-alive holds quiet connections. Caps
    of tens of thousands of tokens would need the SDK's `stream()`.
    """

    def __init__(
        self, *, api_key: str, base_url: str | None, timeout_s: float, max_connections: int
    ) -> None:
        """Make a client; nothing is opened yet.

        Args:
            base_url: None for the provider's own address.
            timeout_s: the deadline of a whole call, from connecting to the last byte.
            max_connections: calls at the same time; give it a few more than there are threads.

        Raises:
            ValueError: a value that no call could succeed with.
        """
        if not api_key or not api_key.isascii() or any(c.isspace() for c in api_key):
            raise ValueError("ANTHROPIC_API_KEY must be ASCII text without spaces or line breaks.")
        if timeout_s <= 0 or max_connections < 1:
            raise ValueError("timeout_s and max_connections must be greater than 0.")
        self._settings = Settings(
            api_key=api_key,
            base_url=base_url or None,
            timeout_s=timeout_s,
            max_connections=max_connections,
        )
        self._session: Session | None = None
        self._inherited: list[Session] = []
        self._closed = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Build what the first call would build, a second's work; not before a fork.

        Raises:
            RuntimeError: the client is closed.
        """
        self._open_session()

    def start(self, request: CompletionRequest) -> Call:
        """Send a request and return at once.

        Raises:
            ProviderError: the address or another setting cannot be used at all.
            RuntimeError: the client is closed.
        """
        with self._lock:  # a call begun after close() would wait for ever
            return Call(self._open_session(), request)

    def complete(self, request: CompletionRequest) -> Answer:
        """Send a request and wait for its answer; raises what `Call.result` raises."""
        return self.start(request).result()

    def close(self) -> None:
        """Abort the calls in flight and end the thread, within a second; safe to call twice."""
        with self._lock:
            session, self._session, self._closed = self._session, None, True
        atexit.unregister(self.close)
        if session is not None and session.pid == os.getpid():
            session.close()

    def _open_session(self) -> Session:
        """This process's session, built when it is first needed; the lock must be held."""
        if self._closed:
            raise RuntimeError("The provider client is closed.")
        session = self._session
        if session is not None and session.pid == os.getpid():
            return session
        if session is not None:
            # A parent's loop has no thread here and cannot be torn down: keep it out of the way.
            self._inherited.append(session)
        self._session = Session(self._settings)
        # A loop thread that outlives the interpreter's teardown prints warnings.
        atexit.register(self.close)
        return self._session

"""Sinks for the children's output: the terminal with coloured names, or a log file for each."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

#: Takes the child's name and one line of its output, without the line's end. Thread-safe.
Sink = Callable[[str, str], None]

_COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92")
_NAME_WIDTH = 9


class Terminal:
    """Whole lines on one stream, whoever writes."""

    def __init__(self, stream: TextIO | None = None, *, colour: bool | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colour = self._stream.isatty() if colour is None else colour
        self._lock = threading.Lock()
        self._seen: dict[str, str] = {}

    def say(self, text: str = "") -> None:
        """Write one line of the supervisor's own."""
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()

    def line(self, name: str, text: str) -> None:
        """Write one line of a child, behind its name; a child keeps its colour."""
        prefix = f"{name:<{_NAME_WIDTH}} |"
        if self._colour:
            code = self._seen.setdefault(name, _COLOURS[len(self._seen) % len(_COLOURS)])
            prefix = f"\033[{code}m{prefix}\033[0m"
        self.say(f"{prefix} {text}")


class LogFiles:
    """One file a child, `NAME.log`, begun anew by each start of this program."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, TextIO] = {}
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)

    def line(self, name: str, text: str) -> None:
        """Append one line to the child's file."""
        with self._lock:
            if name not in self._files:
                path = self._directory / f"{name}.log"
                self._files[name] = path.open("w", buffering=1, encoding="utf-8")
            self._files[name].write(text + "\n")

    def close(self) -> None:
        """Close the files; a later line opens its file anew."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

"""The simulator as a real process, and the real SDK in front of it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

ROOT = Path(__file__).parents[2]
MODEL = "claude-sonnet-5-5"
READ_TIMEOUT_S = 5.0

STORY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["stories"],
    "properties": {
        "stories": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    *("title", "persona", "userStory", "acceptanceCriteria"),
                    *("technicalNotes", "priority", "effort"),
                ],
                "properties": {
                    "title": {"type": "string"},
                    "persona": {"type": "string"},
                    "userStory": {"type": "string"},
                    "acceptanceCriteria": {"type": "array", "items": {"type": "string"}},
                    "technicalNotes": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "priority": {"type": "string", "enum": ["high", "medium", "low"]},
                    "effort": {"type": "string", "enum": ["S", "M", "L"]},
                },
            },
        }
    },
}
CARDS: list[dict[str, Any]] = [
    {
        "code": "C1",
        "title": "publish and archive FABS files (in bulk)",
        "persona": "Agency user",
        "statement": "As an Agency user, I want to publish and archive FABS files (in bulk), "
        "so that I don't have to do it twice.",
        "problem": "I don't have to do it twice",
        "systems": ["FABS files", "Broker"],
    },
    {
        "code": "C2",
        "title": "Search for information",
        "persona": "Agency user",
        "statement": "As an Agency user, I want to Search for information.",
        "problem": None,
        "systems": ["search page"],
    },
    {
        "code": "C3",
        "title": "New Relic to provide useful data",
        "persona": "DevOps engineer",
        "statement": "As a DevOps engineer, I want New Relic to provide useful data.",
        "problem": None,
        "systems": ["New Relic", "all applications"],
    },
]


class Simulator:
    """A running simulator, spoken to over its control endpoints."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid

    def get(self, path: str) -> Any:
        """A control endpoint's JSON."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310  # our own address
            return json.load(answer)

    def post(self, path: str, body: Any = None) -> Any:
        """A control endpoint's answer to a JSON body."""
        data = json.dumps(body).encode()
        with urllib.request.urlopen(self.url + path, data=data, timeout=10) as answer:  # noqa: S310  # our own address
            return json.load(answer)

    def configure(self, **settings: float) -> None:
        self.post("/_sim/config", settings)

    def fault(self, action: dict[str, Any], times: int | None = None, **match: Any) -> None:
        """Put one rule in force."""
        self.post("/_sim/faults", [{"match": match, "times": times, "action": action}])

    def fault_at(self, endpoint: str, times: int | None = None, **action: Any) -> None:
        """Put one rule for an endpoint of batches in force."""
        rule = {"match": {"endpoint": endpoint}, "times": times, "action": action}
        self.post("/_sim/faults", [rule])

    def advance(self, seconds: float) -> None:
        """Move the clock; batches that this ends have ended."""
        self.post("/_sim/clock", {"advance_s": seconds})

    def bill(self) -> dict[str, Any]:
        bill: dict[str, Any] = self.get("/_sim/bill")
        return bill

    def calls(self) -> list[dict[str, Any]]:
        """The call log."""
        calls: list[dict[str, Any]] = self.get("/_sim/stats")["calls"]
        return calls

    def totals(self) -> dict[str, Any]:
        totals: dict[str, Any] = self.get("/_sim/stats?summary=1")["totals"]
        return totals


@pytest.fixture(scope="session")
def process() -> Iterator[Simulator]:
    command = [sys.executable, "-m", "simulator", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        yield Simulator(running.stdout.readline().split()[-1], running.pid)
        running.terminate()
        assert running.wait(timeout=5) == 0


@pytest.fixture
def simulator(process: Simulator) -> Simulator:
    """The simulator, fresh."""
    process.post("/_sim/reset")
    return process


@pytest.fixture
def client(simulator: Simulator) -> Iterator[anthropic.Anthropic]:
    """The SDK as the project uses it: without retries of its own."""
    timeout = httpx2.Timeout(connect=5, read=READ_TIMEOUT_S, write=30, pool=30)
    with anthropic.Anthropic(
        api_key="key", base_url=simulator.url, max_retries=0, timeout=timeout
    ) as sdk:
        yield sdk


def prompt(
    *,
    epic: str = "E3",
    cards: list[dict[str, Any]] | None = None,
    summary: dict[str, Any] | None = None,
    fewest: int = 5,
    most: int = 8,
    personas: str = "core",
    extra: str = "",
) -> str:
    """User text with the fenced blocks."""
    task = {"mode": "standard", "personaSet": personas, "minStories": fewest, "maxStories": most}
    lines = "\n".join(json.dumps(card) for card in (CARDS if cards is None else cards))
    fence = f"<cards>\n{lines}\n</cards>"
    if summary is not None:
        fence = f'<cards summarised="true">\n{json.dumps(summary)}\n</cards>'
    return (
        "Write the stories of the <epic> from its <cards>.\n"
        f"<task>{json.dumps(task)}</task>\n"
        f"<epic>{json.dumps({'code': epic, 'title': 'File handling', 'theme': 'Files'})}</epic>\n"
        f"{fence}\n{extra}"
    )


def request(*, marker: str = "m1", text: str | None = None, **extra: Any) -> dict[str, Any]:
    """Arguments of a call as the project makes it."""
    return {
        "model": MODEL,
        "max_tokens": 8000,
        "system": [
            {
                "type": "text",
                "text": "You write user stories.",
                "cache_control": {"type": "ephemeral"},
            }
        ],
        "messages": [{"role": "user", "content": prompt() if text is None else text}],
        "metadata": {"user_id": marker},
        "output_config": {"format": {"type": "json_schema", "schema": STORY_SCHEMA}},
        **extra,
    }


def lines(
    *markers: str, text: str = "Hello", system: Any = None, **params: Any
) -> list[dict[str, Any]]:
    """Requests of a batch, whose custom ids and markers are the given ones."""
    given = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
    if system is not None:
        given["system"] = system
    return [
        {
            "custom_id": marker,
            "params": {**given, "metadata": {"user_id": marker}, **params},
        }
        for marker in markers
    ]


def text_of(message: anthropic.types.Message) -> str:
    """The text blocks of an answer, joined."""
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.fixture(name="request_of")
def _request_of() -> Any:
    return request


@pytest.fixture(name="prompt_of")
def _prompt_of() -> Any:
    return prompt


@pytest.fixture(name="text_in")
def _text_in() -> Any:
    return text_of


@pytest.fixture(name="lines_of")
def _lines_of() -> Any:
    return lines


@pytest.fixture
def story_schema() -> dict[str, Any]:
    return STORY_SCHEMA


@pytest.fixture
def cards() -> list[dict[str, Any]]:
    return CARDS

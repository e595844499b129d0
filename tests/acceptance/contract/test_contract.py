"""The short selection: some requests to every operation. `make fuzz` runs the long one."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batchgen.local import stack
from batchgen.local.local_dir import free_port
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.acceptance.contract.__main__ import WEB
from tests.acceptance.contract.hooks import is_rule

if TYPE_CHECKING:
    from tests.acceptance.contract.rows import Rows

_EXAMPLES = 10
_SEED = 5


@pytest.fixture
def rows(transactional_db: None) -> "Rows":
    from batchgen.redis import client as redis
    from tests.acceptance.contract.rows import rows_make

    redis.client().flushdb()
    return rows_make(spare=_EXAMPLES)


@pytest.fixture
def url(rows: "Rows", tmp_path: Path) -> Iterator[str]:
    """A web process."""
    from tests.acceptance.fleet import database_url

    environment = {**stack.base_environment(), "DATABASE_URL": database_url(), **WEB}
    port = free_port()
    with ExitStack() as opened:
        logs = LogFiles(tmp_path / "log")
        opened.callback(logs.close)
        supervisor = opened.enter_context(Supervisor(logs.line, signals=False))
        supervisor.start(stack.web(environment, "127.0.0.1", port))
        yield stack.address("127.0.0.1", port)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_answer_is_one_that_the_document_describes(
    url: str, rows: "Rows", tmp_path: Path
) -> None:
    from tests.acceptance.contract.fuzz import fuzz

    done = fuzz(url, rows, tmp_path, examples=_EXAMPLES, seed=_SEED, quick=True)
    assert done.returncode == 0, done.stdout


def test_a_refusal_by_rules_is_told_from_a_schema_that_says_too_little() -> None:
    taken = {"code": ["The code C1 is taken in this project."]}
    control = {"code": ["The control character U+0007 is not allowed here."]}
    assert is_rule({"message": "The input is not valid.", "details": taken})
    assert not is_rule({"message": "The input is not valid.", "details": control})
    assert not is_rule({"message": "The input is not valid.", "details": {**taken, **control}})
    assert not is_rule({"message": "The request is not valid HTTP.", "details": {}})

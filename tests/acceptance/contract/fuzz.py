"""schemathesis over the API of a running web process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from batchgen.local.local_dir import ROOT
from tests.acceptance.contract.rows import Rows, Words

#: How often a parameter gets one of its words instead of anything that its schema allows.
_OFTEN = 0.8
#: Less so where a word narrows what is found, or makes the request one that was answered before.
_SELDOM = {"query": 0.3, "header": 0.1}
#: Without 5xx, which are the default's; a list may be too long for any body.
_REFUSALS = """[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 406, 409, 413, 415]
"""
#: Deep bodies take long to make.
_COSTLY = ("projectImport", "storyLint")
#: Streams do not end; tests/acceptance/live has them.
_ENDLESS = "runEvents"


def fuzz(
    url: str,
    rows: Rows,
    directory: Path,
    *,
    examples: int,
    seed: int,
    quick: bool = False,
    operations: Sequence[str] = (),
    workers: int = 1,
) -> "subprocess.CompletedProcess[str]":
    """Run it as a process of its own, whose exit code is 0 when every check held.

    Args:
        directory: for its files.
        examples: of each operation.
        quick: these alone, fewer where each takes long, and what it prints is kept for `stdout`
            of the answer; else also the edges of every schema, one by one, and sequences of
            operations.
        operations: these operationIds alone.
        workers: threads; with more than one, requests of several operations are mixed.
    """
    config = directory / "schemathesis.toml"
    few = dict.fromkeys(_COSTLY, examples // 5) if quick else {}
    config.write_text(_config(rows, examples, few))
    only = [part for name in operations for part in ("--include-operation-id", name)]
    program = Path(sys.executable).with_name("schemathesis")
    return subprocess.run(
        [
            *(program, "--config-file", config, "run", f"{url}/api/schema"),
            *("--seed", str(seed), "--workers", str(workers)),
            *("--phases", "fuzzing" if quick else "examples,coverage,fuzzing,stateful"),
            *("--generation-database", "none", "--exclude-operation-id", _ENDLESS),
            *("--request-timeout", "60", "--suppress-health-check", "all"),
            *("--continue-on-failure", "--no-color", *only),
        ],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        text=True,
        stdout=subprocess.PIPE if quick else None,
        stderr=subprocess.STDOUT if quick else None,
    )


def _config(rows: Rows, examples: int, few: dict[str, int]) -> str:
    """schemathesis.toml: the sign-in, the words of parameters, and how many examples.

    Args:
        few: {operationId: how many of it}
    """
    words = [("", rows.common), *rows.special.items()]
    lines = [
        'hooks = "tests.acceptance.contract.hooks"',
        f"headers = {{ Authorization = {json.dumps('Bearer ' + rows.token)} }}",
    ]
    for operation, each in words:
        lines += _dictionaries(operation, each)
    lines += [f"[generation]\nmax-examples = {examples}", _REFUSALS]
    lines += ["[parameters]", *_bindings("", rows.common)]
    for operation, each in rows.special.items():
        lines += ["[[operations]]", f'include-operation-id = "{operation}"']
        lines += [f"generation.max-examples = {few.get(operation, examples)}"]
        lines += ["[operations.parameters]", *_bindings(operation, each)]
    return "\n".join(lines)


def _dictionaries(operation: str, words: Words) -> Iterator[str]:
    for parameter, values in words.items():
        yield f"[dictionaries.{json.dumps(_name(operation, parameter))}]"
        yield f"values = {json.dumps(values)}"


def _bindings(operation: str, words: Words) -> Iterator[str]:
    for parameter in words:
        name = json.dumps(_name(operation, parameter))
        often = _SELDOM.get(parameter.partition(".")[0], _OFTEN)
        yield f"{json.dumps(parameter)} = {{ dictionary = {name}, probability = {often} }}"


def _name(operation: str, parameter: str) -> str:
    return f"{operation} {parameter}".strip()

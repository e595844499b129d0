"""Which migrations the workers of the release before live through: docs/upgrading.md."""

from collections.abc import Iterable

#: By app the last migration of before 0.2.0. For it and for all before it workers are stopped;
#: what comes later only adds, which `make check` sees to.
STOPPED_UP_TO = {
    "batchgen": "0005_api_tokens",
    "content": "0001_prompt_sets",
    "epics": "0017_project_monthly_budget",
    "export": "0001_initial",
    "pages": "0002_signature",
    "runs": "0034_traces_and_health",
    "webhooks": "0001_initial",
}


def only_adds(migration: str) -> bool:
    """Whether one like `runs.0033_shelves` may be applied while workers go on."""
    app, _, name = migration.partition(".")
    return name > STOPPED_UP_TO.get(app, "")


def workers_go_on(missing: Iterable[str]) -> bool:
    """Whether workers of before these migrations go on after them."""
    return all(map(only_adds, missing))

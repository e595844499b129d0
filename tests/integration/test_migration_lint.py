"""Which migrations `make check` looks at."""

import pytest

from batchgen.local import migration_lint

pytestmark = pytest.mark.django_db


def test_ours_are_looked_at_and_those_of_packages_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ("runs.0017_", "runs.0018_", "auth.", "token_blacklist.")
    monkeypatch.setattr(migration_lint, "only_adds", lambda name: name.startswith(chosen))
    assert {name.partition("_")[0] for name in migration_lint.unexpected()} == {
        "runs.0017",
        "runs.0018",
    }

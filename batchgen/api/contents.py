"""What of the API shows no contents: the routes and parameters that a token without the scope
`contents` may use, and the texts that are left in their answers.

Contents are what people, files and models wrote: backlogs, stories, pages, uploads, instructions,
prompts, answers, and messages that may quote them. Everything is contents that is not named here;
`tests/integration/api/test_scopes.py` reads the OpenAPI document, and wants each text decided.
"""

from typing import Any

#: The header of an answer without contents.
WITHHELD = "Batchgen-Contents"
#: "METHOD route", as Django has it behind `/api/v1/`.
ROUTES = frozenset(
    {
        "GET projects",
        "GET projects/<id:project_id>",
        "GET projects/<id:project_id>/epics",
        "GET projects/<id:project_id>/stories",
        "GET projects/<id:project_id>/pages",
        "GET epics/<id:epic_id>",
        "GET epics/<id:epic_id>/stories",
        "GET stories/<id:story_id>",
        "GET pages/<id:page_id>",
        "GET queue/status",
        "GET ledger",
        "GET ledger/summary",
        "GET runs",
        "GET runs/<id:run_id>",
        "GET runs/<id:run_id>/progress",
        "GET runs/<id:run_id>/epics",
        "GET runs/<id:run_id>/items",
        "GET runs/<id:run_id>/items/<id:item_id>",
        "GET runs/<id:run_id>/errors",
        "GET runs/<id:run_id>/logs",
        "GET runs/<id:run_id>/batches",
        "GET runs/<id:run_id>/actions",
        "PATCH runs/<id:run_id>",
        "POST projects/<id:project_id>/runs",
        "POST projects/<id:project_id>/quotes",
        "POST runs/<id:run_id>/pause",
        "POST runs/<id:run_id>/resume",
        "POST runs/<id:run_id>/cancel",
        "POST runs/<id:run_id>/retry-failed",
    }
)
#: Of the query. Not `order`: a cursor has the text by which its list is ordered.
PARAMETERS = frozenset(
    {
        *("limit", "cursor", "after", "project", "run", "epic", "status", "type", "effective"),
        *("from", "to", "by", "certainty", "corrected", "format", "contentStatus"),
        "reviewStatus",
    }
)
#: Keys whose texts are ids, times, amounts, words of a fixed list, or sentences of batchgen's own.
SHOWN = frozenset(
    {
        # Ids, and what stands for one.
        *("id", "runId", "projectId", "epicId", "targetId", "itemId", "runEpicId"),
        *("itemIds", "newRunId", "batchId", "callId", "quoteId", "retriedFromRunId", "activeRunId"),
        *("effectiveRunIds", "providerBatchId", "code", "epicCode", "name", "actor"),
        # Times.
        *("at", "createdAt", "startedAt", "completedAt", "endedAt", "updatedAt", "untilAt"),
        *("firstSeenAt", "lastSeenAt", "lastHeartbeatAt", "timestamp", "validUntil", "since"),
        *("resultsUntil", "closedUntil", "priceDate", "bookedAt", "editedAt", "generatedAt"),
        "deadline",
        # Money.
        *("costUsd", "savedUsd", "limitUsd", "spentUsd", "heldUsd", "leftUsd", "low", "expected"),
        *("high", "monthlyBudgetUsd", "cacheSavedUsd", "batchSavedUsd", "possiblyUsd", "billedUsd"),
        # Words of fixed lists.
        *("type", "status", "phase", "mode", "personaSet", "pacingProfile", "priority", "lane"),
        *("kind", "stage", "skippedStages", "controls", "provider", "model", "verdict", "action"),
        *("previousStatus", "newStatus", "errorCode", "certainty", "purpose", "key", "factor"),
        *("level", "origin", "reviewStatus", "contentStatus", "pageType", "bindingLimit"),
        "components",
        # batchgen's own sentences, which name codes at most.
        *("reason", "nextAction", "advice", "closedReason", "assumptions", "cacheAssumption"),
    }
)
#: Keys below which nothing is left, whatever it is: what may have any keys.
CLOSED = frozenset({"facts", "defects", "details", "options", "brandVoice"})


def without_contents(data: Any) -> Any:
    """The data with null for each text that may be contents, and for all that may have any keys."""
    if isinstance(data, dict):
        return {key: _without(key, value) for key, value in data.items()}
    return [without_contents(each) for each in data] if isinstance(data, list) else data


def _without(key: str, value: Any) -> Any:
    if key in CLOSED:
        return None
    if isinstance(value, dict):
        return without_contents(value)
    if isinstance(value, list):
        return [_without(key, each) for each in value]
    return value if key in SHOWN or not isinstance(value, str) else None

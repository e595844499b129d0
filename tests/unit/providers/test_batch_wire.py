"""What is told of batches and of their calls, in words that we know and in others."""

from datetime import UTC, datetime
from typing import Any

import pytest

from providers import errors
from providers.anthropic.batch_wire import batch_result, batch_state
from providers.anthropic.line_splitter import LineSplitter
from providers.batches import BatchCounts, BatchResult, BatchState, Outcome
from providers.errors import Effect, ProviderError
from providers.values import Usage
from tests.unit.providers import wire as w
from tests.unit.providers.test_batches import batch, line


def state(**changes: Any) -> BatchState:
    told = batch_state(batch(**changes))
    assert told is not None
    return told


def result(told: dict[str, Any]) -> BatchResult:
    read = batch_result(line("a", told))
    assert read is not None
    assert read.custom_id == "a"
    return read


@pytest.mark.parametrize(
    ("word", "ended_at", "status"),
    [
        ("in_progress", None, "in_progress"),
        ("canceling", None, "canceling"),
        ("cancelling", None, "canceling"),
        ("ended", None, "ended"),
        ("in_progress", "2026-11-26T11:00:00Z", "in_progress"),
        ("validating", None, "in_progress"),
        ("completed", "2026-11-26T11:00:00Z", "ended"),
        (None, None, "in_progress"),
        (["ended"], "2026-11-26T11:00:00Z", "ended"),
    ],
)
def test_a_status_in_a_new_word_is_not_the_end_until_it_has_ended(
    word: object, ended_at: object, status: str
) -> None:
    assert state(processing_status=word, ended_at=ended_at).status == status


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-11-26T10:00:00Z", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ("2026-11-26T10:00:00.123456789Z", datetime(2026, 11, 26, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-26T12:00:00+02:00", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ("2026-11-26T10:00:00", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ("soon", None),
        (1_764_151_200, None),
        (None, None),
    ],
)
def test_a_moment_is_utc_or_unknown(told: object, moment: datetime | None) -> None:
    assert state(created_at=told, expires_at=told).created_at == moment


@pytest.mark.parametrize("counts", [None, [], {"succeeded": -1, "errored": "x", "expired": 1e400}])
def test_counts_that_cannot_be_read_are_none(counts: object) -> None:
    assert state(request_counts=counts).counts == BatchCounts()


def test_counts_are_told_apart() -> None:
    told = {"processing": 1, "succeeded": "2", "errored": 3.0, "canceled": 4, "expired": 5}
    assert state(request_counts=told).counts == BatchCounts(
        processing=1, succeeded=2, errored=3, canceled=4, expired=5
    )


@pytest.mark.parametrize("told", ["", "x" * 3_000, "a\nb", 7, {}])
def test_an_address_that_is_none_is_not_known(told: object) -> None:
    assert state(results_url=told).results_url is None


@pytest.mark.parametrize("wrong", ["", ".", "..", "a b", "x" * 101, "ä", 7, None])
def test_what_has_no_id_to_ask_for_is_no_batch(wrong: object) -> None:
    assert batch_state(batch(id=wrong)) is None


@pytest.mark.parametrize(
    ("error_type", "message", "kind"),
    [
        ("invalid_request_error", "max_tokens: too large", errors.RequestRejected),
        ("invalid_request_error", "prompt is too long: 9 tokens", errors.ContextTooLong),
        (
            "invalid_request_error",
            "Your credit balance is too low to access the API.",
            errors.CreditExhausted,
        ),
        (
            "invalid_request_error",
            "You have reached your specified API usage limits.",
            errors.SpendLimitReached,
        ),
        ("billing_error", "", errors.CreditExhausted),
        ("authentication_error", "", errors.KeyRejected),
        ("permission_error", "", errors.KeyRejected),
        ("not_found_error", "model: x", errors.ModelUnknown),
        ("request_too_large", "", errors.RequestTooLarge),
        ("rate_limit_error", "", errors.RateLimited),
        ("overloaded_error", "", errors.Overloaded),
        ("api_error", "", errors.ServerFailed),
        ("timeout_error", "", errors.ServerFailed),
        ("brand_new_error", "", errors.ServerFailed),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_errored_calls_mean_what_they_mean_one_by_one(
    error_type: str, message: str, kind: type[ProviderError], *, wrapped: bool
) -> None:
    envelope = w.error_body(error_type, message)

    read = result({"type": "errored", "error": envelope if wrapped else envelope["error"]})

    assert read.outcome is Outcome.ERRORED
    assert type(read.error) is kind
    assert not read.error.possibly_billed
    assert read.error.request_id == ("req_01" if wrapped else None)


def test_an_account_without_credit_pauses_and_names_what_was_said() -> None:
    told = w.error_body("invalid_request_error", "Your credit balance is too low. sk-ant-abc")

    error = result({"type": "errored", "error": told}).error

    assert error is not None
    assert error.effect is Effect.PAUSE_RUN
    assert error.message.endswith('"Your credit balance is too low. [hidden]"')


@pytest.mark.parametrize("error", [None, "no", [], {}, 7, {"error": None}])
def test_an_error_of_another_shape_may_pass(error: object) -> None:
    assert type(result({"type": "errored", "error": error}).error) is errors.ServerFailed


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"type": "canceled"}, Outcome.CANCELED),
        ({"type": "cancelled"}, Outcome.CANCELED),
        ({"type": "expired", "message": None}, Outcome.EXPIRED),
        ({"type": "completed", "message": w.message()}, Outcome.SUCCEEDED),
        ({"message": w.message()}, Outcome.SUCCEEDED),
        ({"type": "failed", "error": w.error_body("api_error")}, Outcome.ERRORED),
        ({"type": "paused"}, Outcome.ERRORED),
        ({"type": "succeeded"}, Outcome.ERRORED),
        ({"type": "succeeded", "message": {"content": []}}, Outcome.ERRORED),
        ({"type": ["succeeded"], "message": "hello"}, Outcome.ERRORED),
    ],
)
def test_an_outcome_in_a_new_word_is_what_it_has(told: dict[str, Any], outcome: Outcome) -> None:
    read = result(told)

    assert read.outcome is outcome
    assert (read.completion is not None) is (outcome is Outcome.SUCCEEDED)
    assert (read.error is not None) is (outcome is Outcome.ERRORED)


def test_an_answer_without_readable_content_is_billed_all_the_same() -> None:
    error = result({"type": "succeeded", "message": w.message(content=None)}).error

    assert error is not None
    assert error.possibly_billed
    assert "ANTHROPIC_BASE_URL" in error.message


def test_what_a_call_of_a_batch_used_is_told_as_one_by_one() -> None:
    usage = {
        "input_tokens": 3,
        "output_tokens": 4,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 7},
        "service_tier": "batch",
    }

    answer = result({"type": "succeeded", "message": w.message(usage=usage)}).completion

    assert answer is not None
    assert answer.usage == Usage(
        input_tokens=3,
        output_tokens=4,
        cache_read_tokens=5,
        cache_write_5m_tokens=6,
        cache_write_1h_tokens=7,
    )


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b""], [b""]),
        ([b"a\nb"], [b"a", b"b"]),
        ([b"a", b"b\n", b"", b"c", b"\n"], [b"ab", b"c", b""]),
        ([b"12345", b"\n", b"123456", b"7\nx"], [b"12345", b"12345", b"x"]),
        ([b"\n\n"], [b"", b"", b""]),
    ],
)
def test_lines_are_cut_where_they_end_and_where_they_are_too_long(
    chunks: list[bytes], lines: list[bytes]
) -> None:
    splitter = LineSplitter(longest=5)
    assert [one for chunk in chunks for one in splitter.feed(chunk)] + [splitter.rest()] == lines


def test_little_of_a_long_line_is_kept() -> None:
    splitter = LineSplitter(longest=10_000)
    for _ in range(100):
        assert list(splitter.feed(b"x" * 1_000)) == []

    assert len(splitter.rest()) == 1_000

"""Who refused a call, and in what words: reading an answer that is no message; pure.

The API's own refusals look like `{"type": "error", "error": {"type", "message", "details"?}}` at
any status. What stands before it (gateways, proxies, firewalls) has other shapes: JSON that names
a message somewhere, a line of text, a page, or nothing.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from html import unescape

#: How much of an answer is looked at; what it wants to say stands at its beginning.
MAX_READ_CHARS = 20_000
#: How much of the answer's own words a person gets to read.
MAX_DETAIL_CHARS = 300
#: Where gateways put what they have to say, the most telling first.
_WORDS = ("message", "error", "detail", "error_description", "msg", "title", "errors", "reason")
_HIDDEN_MARKUP = re.compile(
    r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[^>]*>?")
_ERROR_STATUS = re.compile(r"[45]\d\d", re.ASCII)
_SECRET = re.compile(r"\b(sk-|Bearer\s+|api[ _-]?key[\"']?\s*[:=]\s*)\S+", re.IGNORECASE)


class Form(Enum):
    """What kind of body a refusal came in."""

    JSON = "json"
    TEXT = "text"
    MARKUP = "markup"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An answer instead of a message. `words` are as they came: `for_people` cleans them."""

    by_api: bool
    words: str
    type: str = ""
    code: str = ""
    #: A status that stands in the body, as some gateways have it.
    status: int | None = None
    #: How it came: what is not JSON does not speak for the API, and markup is somebody's page.
    form: Form = Form.JSON


def read_refusal(body: object) -> Refusal:
    """The refusal in a body, decoded where it is JSON, else its text."""
    if not isinstance(body, str):
        return _of_json(body)
    text = body[:MAX_READ_CHARS]
    if not is_markup(text):
        return Refusal(by_api=False, words=text, form=Form.TEXT)
    text = unescape(_TAG.sub(" ", _HIDDEN_MARKUP.sub(" ", text)))
    return Refusal(by_api=False, words=text, form=Form.MARKUP)


def refusal_in_success(body: bytes, content_type: str) -> Refusal | None:
    """The refusal in the body of a response that says 200, or None where there is none.

    An envelope, as JSON or as a stream's event, and a page: a success is never one.
    """
    text = body.decode("utf-8", "replace")
    if "html" in content_type or is_markup(text):
        return read_refusal(text)
    for piece in (text, *_event_data(text)):
        try:
            decoded = json.loads(piece)
        except (ValueError, RecursionError):
            continue
        if isinstance(decoded, dict) and decoded.get("error"):
            return _of_json(decoded)
    return None


def is_markup(text: str) -> bool:
    """HTML or XML, by how it begins."""
    return text[:MAX_READ_CHARS].lstrip("\ufeff \t\r\n").startswith("<")


def for_people(words: str, *, secrets: Iterable[str] = ()) -> str:
    """Somebody's words without secrets and control characters, in one line, and not too long."""
    text = words[:MAX_READ_CHARS]
    for secret in secrets:
        text = text.replace(secret, "[hidden]")
    text = "".join(c if c.isprintable() else " " for c in _SECRET.sub("[hidden]", text))
    text = " ".join(text.split())
    return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - 1] + "…"


def _of_json(body: object) -> Refusal:
    own = _said(body)
    return own if own.by_api else _quoted(own)


def _said(body: object) -> Refusal:
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(body, dict) and isinstance(error, dict):
        details = error.get("details")
        by_api = body.get("type") == "error" and isinstance(error.get("type"), str)
        code = details.get("error_code") if isinstance(details, dict) else error.get("code")
        return Refusal(
            by_api=by_api,
            words=_words(error),
            type=_text(error.get("type")),
            code=_text(code),
            status=_status(code),
        )
    return Refusal(by_api=False, words=_words(body))


def _quoted(refusal: Refusal) -> Refusal:
    """The API's own envelope where a gateway quotes it inside of its words."""
    at = refusal.words.find('{"type"')
    if at < 0:
        return refusal
    try:
        body, _ = json.JSONDecoder().raw_decode(refusal.words[:MAX_READ_CHARS], at)
    except (ValueError, RecursionError):
        return refusal
    quoted = _said(body)
    return replace(quoted, status=refusal.status) if quoted.by_api else refusal


def _words(value: object) -> str:
    """What a body of unknown shape says: its message, wherever that stands, or all of it."""
    for _ in range(4):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            found = next((value[name] for name in _WORDS if value.get(name)), None)
            if found is None:
                break
            value = found
        else:
            break
    if isinstance(value, str):
        return value[:MAX_READ_CHARS]
    return "" if value in (None, {}, []) else json.dumps(value)[:MAX_READ_CHARS]


def _event_data(text: str) -> list[str]:
    """What the last events of a stream carry, where the text is one."""
    lines = text[-MAX_READ_CHARS:].splitlines()
    return [line.removeprefix("data:") for line in lines if line.startswith("data:")]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _status(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if _ERROR_STATUS.fullmatch(text) else None

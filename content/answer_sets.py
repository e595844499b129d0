"""The one set of things in a model's text, wherever it stands there; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError, ValidationInfo

from content.answer_fields import plain_key
from content.answer_json import TwoMeanings, json_found
from content.sentences import Frame

Shape = TypeVar("Shape", bound=BaseModel)
#: The place of a problem in a set.
Loc = tuple[int | str, ...]
_TOO_DEEP = "The answer is nested too deep."
#: More would not help who has to repair the answer.
_PROBLEMS_NAMED = 20
#: Objects around the set: {"answer": {"stories": [...]}}.
_WRAPPERS = 3


class NotOneSet(ValueError):
    """A text holds no such set, or several; its text says which, for the repair call."""


class NotRead(ValueError):
    """A text holds no set of the agreed shape; `problems`: where, as pydantic says it, and what."""

    def __init__(self, problems: Sequence[tuple[Loc, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True, slots=True)
class SetForm:
    """How a set of things is known.

    Attributes:
        name: the key of their list, which also names them in messages: "stories".
        others: further keys that mean it, as `plain_key` writes them.
        is_entry: whether an object is one of them.
    """

    name: str
    others: tuple[str, ...] = ()
    is_entry: Callable[[Mapping[str, object]], bool]


def set_read(text: str, form: SetForm, model: type[Shape], *, frame: Frame | None = None) -> Shape:
    """The one set in the text, in the shape that it has to have.

    Args:
        frame: by which validators put sentences together; see `frame_for`.

    Raises:
        NotRead: there is none; the first of what is wrong with it.
    """
    try:
        return model.model_validate(one_set(text, form), context={"frame": frame})
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [(one["loc"], one["msg"]) for one in found[:_PROBLEMS_NAMED]]
        raise NotRead(problems) from error
    except NotOneSet as error:
        raise NotRead([((), str(error))]) from error
    except RecursionError as error:
        raise NotRead([((), _TOO_DEEP)]) from error


def frame_for(info: ValidationInfo) -> Frame | None:
    """The frame that a set is read with, for its validators."""
    context: Mapping[str, Any] = info.context or {}
    frame: Frame | None = context.get("frame")
    return frame


def one_set(text: str, form: SetForm) -> object:
    """The one set in the text, as an object with the list under its name and what stands beside
    it under its own; else the one value in the text, for a schema to say what is wrong with it.

    A list of entries counts as a set, and so does one entry alone.

    Raises:
        NotOneSet: there are several, or no complete value.
    """
    try:
        found = json_found(text)
    except TwoMeanings as error:
        raise NotOneSet(f"{error}, with two values") from error
    except RecursionError as error:
        raise NotOneSet(_TOO_DEEP) from error
    sets: list[dict[str, object]] = []
    for one in found:
        held = _set_in(one.value, form, torn=one.torn)
        if held is not None and held[form.name] not in [known[form.name] for known in sets]:
            sets.append(held)
    if len(sets) > 1:
        raise NotOneSet(f"The answer holds {len(sets)} different sets of {form.name}.")
    if sets:
        return sets[0]
    if len(found) != 1 or found[0].torn:
        raise NotOneSet(f"The answer holds no complete JSON object with {form.name}.")
    return found[0].value


def _set_in(value: object, form: SetForm, *, torn: bool) -> dict[str, object] | None:
    """The set in a value that is a list of entries, one of them, or has them.

    Args:
        torn: the value may be a part of a set that broke off; only a whole set counts.
    """
    for _ in range(_WRAPPERS):
        if isinstance(value, list):
            return _listed(value, form, torn=torn)
        if not isinstance(value, dict):
            return None
        for key, inner in value.items():
            if plain_key(key) in (plain_key(form.name), *form.others) and isinstance(inner, list):
                return {**value, form.name: inner}
        if form.is_entry(value):
            return None if torn else {form.name: [value]}
        if len(value) != 1:
            return None
        (value,) = value.values()
    return None


def _listed(value: list[object], form: SetForm, *, torn: bool) -> dict[str, object] | None:
    entries = all(isinstance(entry, dict) and form.is_entry(entry) for entry in value)
    return {form.name: value} if value and entries and not torn else None


def has_key(*names: str) -> Callable[[Mapping[str, object]], bool]:
    """Whether an object has one of these keys, as `plain_key` writes them."""
    return lambda value: any(plain_key(key) in names for key in value)

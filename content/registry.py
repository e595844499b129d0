"""The content kinds that there are."""

from typing import Any

from content.cards.kind import CARDS
from content.epics.kind import EPICS
from content.export.kind import EXPORT
from content.kind import ContentKind
from content.pages.kind import PAGES
from content.stories.kind import STORIES
from content.subtasks.kind import SUBTASKS

Kind = ContentKind[Any, Any]
#: One line a kind.
_KINDS: dict[str, Kind] = {
    CARDS.name: CARDS,
    EPICS.name: EPICS,
    STORIES.name: STORIES,
    PAGES.name: PAGES,
    SUBTASKS.name: SUBTASKS,
    EXPORT.name: EXPORT,
}


def kind_register(kind: Kind) -> None:
    """Add a kind of an app of somebody's own, when Django has loaded the apps."""
    _KINDS[kind.name] = kind


def kind_named(name: str) -> Kind:
    """Raises:
    KeyError: there is none.
    """
    return _KINDS[name]


def kind_started_by(run_type: str) -> Kind:
    """The kind whose items a run of this type has.

    Raises:
        LookupError: no kind is started so.
    """
    for kind in _KINDS.values():
        if run_type in kind.run_types:
            return kind
    raise LookupError(run_type)


def run_types(*, item_kind: str = "") -> list[str]:
    """What can be started: types that a kind here has; of items of this kind, or of all."""
    return [
        str(run_type)  # argparse shows what an enum's member is called
        for kind in _KINDS.values()
        if item_kind in ("", kind.item_kind)
        for run_type in kind.run_types
    ]


def kinds_of_items(item_kind: str) -> list[str]:
    """Names of the kinds whose items are of this kind, such as "epic"."""
    return [name for name, kind in _KINDS.items() if kind.item_kind == item_kind]


def kinds_with_prompts() -> list[Kind]:
    """Those whose prompts staff may edit."""
    return [kind for kind in _KINDS.values() if kind.prompts is not None]

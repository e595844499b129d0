"""Where what an item of a run made is."""

from uuid import UUID

from django.urls import reverse

from content.registry import kind_named
from epics.models import Epic, Story
from runs.models import RunItem
from web.parts.backlog import EPIC, STORY
from web.parts.part import tab_address

#: {what an item is of: (the tab of what is made of it, words)}, where that has no place of its own.
_TABS = {"upload": ("cards", "The cards"), "project": ("epics", "The epics")}


def made_of(item: RunItem, *, project_id: UUID) -> tuple[str, str] | None:
    """Its address, and words; None where nothing of it can be found."""
    kind = kind_named(item.kind)
    if kind.made is None or item.target_id is None:
        return None
    match kind.item_kind:
        case "epic":
            epic = Epic.objects.filter(pk=item.target_id, project=project_id).first()
            return EPIC.links(epic)[0] if epic else None
        case "story":
            story = Story.objects.filter(pk=item.target_id, project=project_id).first()
            return STORY.links(story)[0] if story else None
        case "page":
            return reverse("web:page", args=[item.target_id]), "The page"
    tab = _TABS.get(kind.item_kind)
    return (tab_address(project_id, tab[0]), tab[1]) if tab else None

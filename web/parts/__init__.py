"""What people read, edit and review: epics, stories, subtasks and pages, by the tab of a project
where their list is."""

from web.parts.backlog import EPIC, STORY, SUBTASK
from web.parts.pages import PAGE
from web.parts.part import Part

PARTS = {part.tab: part for part in (EPIC, STORY, SUBTASK, PAGE)}

__all__ = ["EPIC", "PAGE", "PARTS", "STORY", "SUBTASK", "Part"]

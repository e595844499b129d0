"""What people read, edit and review: epics, cards, stories, subtasks and pages, by the tab of a
project where their list is."""

from web.parts.backlog import EPIC, STORY
from web.parts.cards import CARD
from web.parts.pages import PAGE
from web.parts.part import Part
from web.parts.subtasks import SUBTASK

PARTS = {part.tab: part for part in (EPIC, CARD, STORY, SUBTASK, PAGE)}

__all__ = ["CARD", "EPIC", "PAGE", "PARTS", "STORY", "SUBTASK", "Part"]

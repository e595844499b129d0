"""The backlog: projects, who may use them, uploads, cards, epics, stories and subtasks."""

from epics.models.cards import CARD_TEXT, Card, Upload
from epics.models.changes import ContentChange
from epics.models.epics import EPIC_TEXT, Epic, EpicCard, StoryCount
from epics.models.parts import ReviewStatus, Written
from epics.models.projects import Membership, Project, TouchedAt
from epics.models.stories import STORY_TEXT, Story, Subtask

__all__ = [
    "CARD_TEXT",
    "EPIC_TEXT",
    "STORY_TEXT",
    "Card",
    "ContentChange",
    "Epic",
    "EpicCard",
    "Membership",
    "Project",
    "ReviewStatus",
    "Story",
    "StoryCount",
    "Subtask",
    "TouchedAt",
    "Upload",
    "Written",
]

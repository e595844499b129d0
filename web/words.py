"""What pages call things: statuses with the sign and tone that they are shown in, types of runs."""

from dataclasses import dataclass
from typing import Any

from content.run_types import RunType
from epics.models import ReviewStatus, Upload
from runs.states import BatchState, HealthVerdict, ItemStatus, RunStatus
from runs.webhooks.models import Delivery


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown: never by its colour alone."""

    word: str
    icon: str
    #: Of app.css: good, bad, warn, calm, or nothing.
    tone: str = ""


LOOKS: dict[str, Look] = {
    RunStatus.QUEUED: Look("Queued", "clock", "calm"),
    RunStatus.RUNNING: Look("Running", "busy", "calm"),
    RunStatus.PAUSED: Look("Paused", "pause", "warn"),
    RunStatus.SUCCEEDED: Look("Succeeded", "check", "good"),
    RunStatus.COMPLETED_WITH_ERRORS: Look("Completed with errors", "alert", "warn"),
    RunStatus.FAILED: Look("Failed", "cross", "bad"),
    RunStatus.CANCELLED: Look("Cancelled", "skip"),
    ItemStatus.PENDING: Look("Pending", "clock"),
    ItemStatus.GENERATING: Look("Generating", "busy", "calm"),
    ItemStatus.COMPLETED: Look("Completed", "check", "good"),
    ItemStatus.SKIPPED: Look("Skipped", "skip"),
    Delivery.Status.DELIVERED: Look("Delivered", "check", "good"),
    HealthVerdict.FLOWING: Look("Flowing", "play", "good"),
    HealthVerdict.WAITING: Look("Waiting", "clock", "calm"),
    HealthVerdict.STUCK: Look("Stuck", "alert", "bad"),
    HealthVerdict.ENDED: Look("Ended", "dot"),
    BatchState.CREATING: Look("Handing in", "busy", "calm"),
    BatchState.OPEN: Look("Open", "clock", "calm"),
    BatchState.CANCELING: Look("Cancelling", "clock", "warn"),
    BatchState.COLLECTED: Look("Collected", "check", "good"),
    BatchState.LOST: Look("Lost", "alert", "bad"),
    ReviewStatus.DRAFT: Look("Draft", "dot"),
    ReviewStatus.APPROVED: Look("Approved", "check", "good"),
    ReviewStatus.REJECTED: Look("Rejected", "cross", "bad"),
    Upload.Status.NEW: Look("New", "dot"),
    Upload.Status.ANALYZED: Look("Analyzed", "check", "good"),
}
#: What a run of each type is called, and what it does.
TYPES: dict[str, tuple[str, str]] = {
    RunType.ANALYZE_CARDS: ("Find cards", "Reads uploads and finds the needs that they voice."),
    RunType.GENERATE_EPICS: ("Cut epics", "Groups all cards of the project into epics."),
    RunType.GENERATE_ALL_STORIES: ("Write stories", "User stories for every epic."),
    RunType.GENERATE_STORIES: ("Write stories of one epic", "User stories for one epic."),
    RunType.GENERATE_SUBTASKS: ("Break down stories", "Subtasks for stories."),
    RunType.GENERATE_PAGES: ("Write pages", "The content of pages of a website."),
    RunType.EXPORT: ("Export", "The backlog as a file, of any size."),
}


def type_name(run_type: str) -> str:
    """What a run of this type is called; of a kind of somebody's own, its type in words."""
    known = TYPES.get(run_type)
    return known[0] if known else run_type.replace("_", " ").capitalize()


#: {an option of a run: (what it is called, what it means)}; others are left to the API.
OPTIONS: dict[str, tuple[str, str]] = {
    "mode": ("Detail", "How much each story says."),
    "persona_set": ("Personas", "Who the stories are for; cards: only those that the cards voice."),
    "epic_count": ("Number of epics", "Those that stay included; empty: what suits the cards."),
    "format": ("Format", ""),
    "only_new": ("Only new uploads", "Uploads whose cards were found before are left out."),
    "only_approved": ("Only approved stories", ""),
    "keep_edited": ("Keep what people edited", "It is not replaced."),
    "keep_approved": ("Keep what people approved", "It is not replaced."),
    "skip_quality_check": ("Skip the quality check", "Quicker; nothing is judged or repaired."),
    "language": ("Language", "Empty: the project's."),
    "instructions": (
        "Instructions",
        "For this run alone, in your own words. They cannot change the form of what is made.",
    ),
}


def as_lines(value: Any) -> str:
    """A value as one text; of a list each on a line of its own, of a component what it says."""
    if isinstance(value, list):
        return "\n".join(map(as_lines, value))
    if isinstance(value, dict) and "markdown" in value:
        return f"{value['heading']}\n{value['markdown']}"
    if isinstance(value, dict):
        return as_lines([*value.values()])
    return "" if value is None else str(value)

"""Quotas: how many projects and how much storage one user may have. The user's row is locked while
counting, so that of several who create at the same moment the last ones count what the first made.

Staff has the same limits; what no person does (a command without a user) has none.
"""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Sum
from django.db.models.functions import Coalesce

from batchgen.errors import NotFound, QuotaReached
from epics.models import Card, Epic, Project, StoryCount, Subtask, Upload
from epics.registry import other_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """One limit."""

    #: For people: what is counted.
    what: str
    #: In Django's settings; its environment variable has `BATCHGEN_` before it.
    setting: str

    def check(self, *, used: int, more: int) -> None:
        """Check that `more` fits beside what is `used`.

        Raises:
            QuotaReached: it does not.
        """
        limit: int = getattr(settings, self.setting)
        if used + more > limit:
            raise QuotaReached(
                f"You have {used:,} of at most {limit:,} {self.what}, and this needs {more:,} "
                f"more. Whoever runs this server can raise BATCHGEN_{self.setting}.",
                limit=limit,
                setting=f"BATCHGEN_{self.setting}",
                used=used,
                needed=more,
            )


PROJECTS = Quota(what="projects", setting="USER_PROJECTS")
STORED_ROWS = Quota(
    what="stored cards, epics, stories, subtasks and pages", setting="USER_STORED_ROWS"
)
UPLOADED = Quota(what="characters of uploads", setting="USER_UPLOAD_CHARACTERS")


def user_hold(user: User) -> None:
    """Make others that count what the user has wait for this transaction.

    Take it after a project's row, never before.

    Raises:
        NotFound: the user was deleted just now.
    """
    # `no_key`: rows that only refer to the user need not wait.
    if not User.objects.select_for_update(no_key=True).filter(pk=user.pk).exists():
        raise NotFound


def projects_check(user: User, *, rows: int = 0) -> None:
    """Refuse another project, with so many cards, epics and stories, beyond the user's limits."""
    user_hold(user)
    PROJECTS.check(used=Project.objects.filter(created_by=user).count(), more=1)
    storage_check(user, rows=rows)


def storage_check(user: User, *, rows: int) -> None:
    """Refuse so many rows more than the user's projects have. The user must be held.

    Stories are counted by epic already, so that a million of them are not looked at.
    """
    mine = Project.objects.filter(created_by=user)
    counts = StoryCount.objects.filter(project__in=mine)
    stories: int = counts.aggregate(n=Coalesce(Sum("stories"), 0))["n"]
    others = [model.objects.filter(project__in=mine).count() for model in (Card, Epic, Subtask)]
    used = stories + sum(others) + other_rows(mine)
    STORED_ROWS.check(used=used, more=rows)


def uploads_check(user: User, *, characters: int) -> None:
    """Refuse an upload beyond what the user's projects may have; their projects' row is locked.

    Raises:
        QuotaReached: they would have more.
    """
    user_hold(user)
    mine = Upload.objects.filter(project__created_by=user)
    used = mine.aggregate(used=Coalesce(Sum("characters"), 0))["used"]
    UPLOADED.check(used=used, more=characters)

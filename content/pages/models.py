"""Pages of a website: what is known of each, and the content that was written for it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from content.pages.likeness import SIGNATURE_CHARS
from epics.models.parts import Written, search_index, search_text
from epics.models.projects import Project

PAGE_TEXT = search_text("title", "url")


class Page(Written):
    """A page: its inputs first, then its content, which is there from `generated_at` or
    `edited_at` on.

    `edited_at` and the review are of the content.
    """

    class Type(models.TextChoices):
        PRODUCT = "product"
        CATEGORY = "category"
        BRAND = "brand"
        INSPIRE = "inspire"
        ENGAGE = "engage"

    class ContentStatus(models.TextChoices):
        MISSING = "missing"
        OUTDATED = "outdated"
        CURRENT = "current"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    #: "P7": what a run's items and a history are named by.
    code = models.CharField(max_length=20)
    order = models.PositiveIntegerField(default=0)
    page_type = models.CharField(max_length=10, choices=Type)
    #: As it was given; `url_key` is the same for all ways to write it.
    url = models.CharField(max_length=2_000)
    url_key = models.CharField(max_length=64, editable=False)
    title = models.CharField(max_length=500, blank=True, default="")
    keywords = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    #: By its English name; "": the project's.
    language = models.CharField(max_length=50, blank=True, default="")
    #: As the project's, whose parts stand where it has none; null: the project's as a whole.
    brand_voice = models.JSONField(null=True, blank=True)
    #: Names of components in their order; null: the type's usual ones.
    components = models.JSONField(null=True, blank=True)
    #: {name: value}; all that the content may claim.
    facts = models.JSONField(default=dict, blank=True)
    sku_count = models.PositiveIntegerField(null=True, blank=True)
    monthly_searches = models.PositiveIntegerField(null=True, blank=True)
    content_status = models.CharField(
        max_length=10, choices=ContentStatus, default=ContentStatus.MISSING
    )
    deadline = models.DateTimeField(null=True, blank=True)
    #: 0 to 10, of which the highest comes first; null: as any item.
    priority = models.PositiveSmallIntegerField(null=True, blank=True)
    #: Counts the changes to what a prompt says of it, so that a run sees one under its hands.
    prompt_revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    meta_title = models.TextField(blank=True, default="")
    meta_description = models.TextField(blank=True, default="")
    #: [{type, heading, markdown, html}]
    content_components = models.JSONField(default=list, blank=True)
    #: Of its keywords so much is in the text, 0 to 1.
    keyword_coverage = models.FloatField(null=True, blank=True)
    quality_score = models.PositiveSmallIntegerField(null=True, blank=True)
    #: [{criterion, kind, severity, message}]
    defects = models.JSONField(default=list, blank=True)
    generated_at = models.DateTimeField(null=True, blank=True)
    #: Of the text that was generated, to find pages that are much alike: `content.pages.likeness`.
    signature = models.CharField(
        max_length=SIGNATURE_CHARS, blank=True, default="", db_default="", editable=False
    )

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "url_key"], name="page_url_once"),
            models.UniqueConstraint(fields=["project", "code"], name="page_code_once"),
            models.CheckConstraint(
                condition=Q(priority__isnull=True) | Q(priority__lte=10),
                name="page_priority_to_10",
            ),
            models.CheckConstraint(
                condition=Q(quality_score__isnull=True) | Q(quality_score__lte=100),
                name="page_score_to_100",
            ),
            models.CheckConstraint(
                condition=Q(keyword_coverage__isnull=True)
                | Q(keyword_coverage__gte=0, keyword_coverage__lte=1),
                name="page_coverage_to_1",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "order", "id"], name="page_in_order"),  # the list
            models.Index(fields=["project", "title", "id"], name="page_by_title"),
            search_index(PAGE_TEXT, name="page_search"),
            # The latest texts of a type, which a new one is compared with.
            models.Index(
                fields=["project", "page_type", "-generated_at"],
                condition=Q(generated_at__isnull=False),
                name="page_latest_of_type",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title or self.url}"

    @property
    def has_content(self) -> bool:
        """Whether a run or a person has written any."""
        return self.generated_at is not None or self.edited_at is not None

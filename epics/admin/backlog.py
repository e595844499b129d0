"""The backlog in Django's admin. What services compute or check is read-only here."""

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, Model, QuerySet
from django.forms import BaseModelForm
from django.http import HttpRequest

from batchgen.errors import RunAlreadyActive
from epics.admin.cells import ago_cell
from epics.admin.members import MembershipInline
from epics.history import differences, edit_tell
from epics.models import Card, Epic, EpicCard, Membership, Project, Story
from epics.selectors import epics_with_figures, projects_with_figures
from epics.services import (
    CARD_PROMPT,
    EPIC_PROMPT,
    card_delete,
    epic_delete,
    project_changed,
    project_delete,
)
from epics.story_services import STORY_JUDGED, story_delete
from epics.writes import mark_outdated

if TYPE_CHECKING:  # Django's classes take their types in the stubs alone
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = BaseModelForm[Any]
else:
    ModelAdmin, TabularInline, ModelForm = admin.ModelAdmin, admin.TabularInline, BaseModelForm


#: What runs and reviewers say of a row, and what the program keeps of its edits.
KEPT_BY_US = ("run_id", "edited_at", "review_status", "review_note", "version")


class VersionedAdmin(ModelAdmin):
    """A save raises the version, so that a client that read the row before is told."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        if change:
            obj.version += 1
        super().save_model(request, obj, form, change)


class ContentAdmin(VersionedAdmin):
    """What is edited and deleted here is told in its history, as over the API."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        before = type(obj)._default_manager.get(pk=obj.pk) if change else None
        super().save_model(request, obj, form, change)
        if before is not None:
            edit_tell(obj, differences(before, obj), user=_user(request))

    def remove(self, pk: UUID, user: User) -> None:
        """As the service for it does."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj.pk, _user(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for pk in queryset.values_list("pk", flat=True):
            self.remove(pk, _user(request))


@admin.register(Project)
class ProjectAdmin(VersionedAdmin):
    list_display = (
        "name",
        "code",
        "cards",
        "epics",
        "stories",
        "created_by",
        ago_cell("created_at"),
    )
    list_filter = ("language", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "code", "=id")
    date_hierarchy = "created_at"
    raw_id_fields = ("created_by",)
    readonly_fields = ("id", "brand_voice", "created_at", "updated_at", "version")
    inlines = (MembershipInline,)

    def save_model(self, request: HttpRequest, obj: Project, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        project_changed(project_id=obj.pk, changed=set(form.changed_data))

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        project = form.instance
        if not change:
            Membership.objects.update_or_create(
                project=project,
                user=project.created_by,
                defaults={"role": Membership.Role.OWNER},
            )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        return projects_with_figures(super().get_queryset(request))

    @admin.display(ordering="card_count")
    def cards(self, project: Project) -> int:
        return int(vars(project)["card_count"])

    @admin.display(ordering="epic_count")
    def epics(self, project: Project) -> int:
        return int(vars(project)["epic_count"])

    @admin.display(ordering="story_count")
    def stories(self, project: Project) -> int:
        return int(vars(project)["story_count"])

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Each project's runs have to be looked at before it goes; see delete_model.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counts instead of a tree: a project may have tens of thousands of parts."""
        found = self.get_queryset(request).filter(pk__in=[project.pk for project in objs])
        parts = {"epics": 0, "cards": 0, "stories": 0}
        active = []
        for project in found:
            parts["epics"] += self.epics(project)
            parts["cards"] += self.cards(project)
            parts["stories"] += self.stories(project)
            if run_id := vars(project)["active_run_id"]:
                active.append(f"active run {run_id}")
        return [str(project) for project in found], parts, set(), active

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        try:
            project_delete(project_id=obj.pk)
        except RunAlreadyActive as error:
            messages.error(request, error.message)


class CardPlaceInline(TabularInline):
    model = EpicCard
    fields = ("order", "card")
    readonly_fields = ("order", "card")
    extra = 0
    can_delete = False
    show_change_link = False
    verbose_name_plural = "cards (change them over the API)"

    def get_queryset(self, request: HttpRequest) -> QuerySet[EpicCard]:
        return super().get_queryset(request).select_related("card")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Card)
class CardAdmin(ContentAdmin):
    list_display = ("code", "title", "persona", "project", "in_epics")
    list_filter = (("project", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("project",)
    search_fields = ("code", "title", "persona", "statement", "=id")
    raw_id_fields = ("project",)
    ordering = ("project", "order", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Card]:
        cards: QuerySet[Card] = super().get_queryset(request)
        return cards.annotate(epic_count=Count("epic_cards"))

    def get_readonly_fields(self, request: HttpRequest, obj: Card | None = None) -> tuple[str, ...]:
        # A card that changed its project would stay in the other one's epics.
        found = ("upload", *KEPT_BY_US)
        return ("id", "project", *found) if obj else found

    def remove(self, pk: UUID, user: User) -> None:
        card_delete(card_id=pk, user=user)

    @admin.display(ordering="epic_count", description="epics")
    def in_epics(self, card: Card) -> int:
        return int(vars(card)["epic_count"])

    def save_model(self, request: HttpRequest, obj: Card, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if set(form.changed_data) & set(CARD_PROMPT):
            mark_outdated(Epic.objects.filter(epic_cards__card=obj))


@admin.register(Epic)
class EpicAdmin(ContentAdmin):
    list_display = ("code", "title", "theme", "project", "priority", "stories", "stories_outdated")
    list_filter = ("stories_outdated", ("project", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("code", "title", "theme", "=id")
    raw_id_fields = ("project",)
    ordering = ("project", "order", "id")
    inlines = (CardPlaceInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Epic]:
        return epics_with_figures(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Epic | None = None) -> tuple[str, ...]:
        # Codes and dependencies refer to each other and never form a cycle: the API checks that.
        fixed = ("dependencies", "stories_outdated", "prompt_revision", "origin", *KEPT_BY_US)
        return ("id", "project", "code", *fixed) if obj else fixed

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Other epics may depend on each of them; see delete_model.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def remove(self, pk: UUID, user: User) -> None:
        epic_delete(epic_id=pk, user=user)

    @admin.display(ordering="story_count")
    def stories(self, epic: Epic) -> int:
        return int(vars(epic)["story_count"])

    def save_model(self, request: HttpRequest, obj: Epic, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if set(form.changed_data) & set(EPIC_PROMPT):
            mark_outdated(Epic.objects.filter(pk=obj.pk))


@admin.register(Story)
class StoryAdmin(ContentAdmin):
    list_display = ("code", "title", "persona", "epic", "project", "priority", "quality_score")
    list_filter = ("priority", "effort", ("project", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("epic", "project")
    search_fields = ("code", "title", "persona", "user_story", "=id", "=run_id")
    show_full_result_count = False
    readonly_fields = (
        "id",
        "project",
        "epic",
        "code",
        "order",
        "quality_score",
        "defects",
        "created_at",
        *KEPT_BY_US,
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def remove(self, pk: UUID, user: User) -> None:
        story_delete(story_id=pk, user=user)

    def save_model(self, request: HttpRequest, obj: Story, form: ModelForm, change: bool) -> None:
        if set(form.changed_data) & set(STORY_JUDGED):
            obj.quality_score, obj.defects = None, []
        super().save_model(request, obj, form, change)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)

"""Webhooks, what is delivered to them, and which gates they were told are closed."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from epics.models import Project
from runs.webhooks.events import EventType


class Webhook(models.Model):
    """An address that is told what happens in a project."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    url = models.CharField(max_length=2000)
    #: Values of `EVENTS`, in that order.
    events = ArrayField(models.CharField(max_length=20))
    active = models.BooleanField(default=True)
    #: Why batchgen switched it off, and when; empty: it did not.
    off_reason = models.CharField(max_length=300, blank=True, default="")
    off_at = models.DateTimeField(null=True, blank=True)
    #: What its secret is made from, and how it is recognised: `runs.webhooks.signing`.
    secret_salt = models.CharField(max_length=32, editable=False)
    secret_mark = models.CharField(max_length=16, editable=False)
    #: Of the secret before, which signs too for some time.
    old_secret_salt = models.CharField(max_length=32, blank=True, default="", editable=False)
    old_secret_mark = models.CharField(max_length=16, blank=True, default="", editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"webhook {self.id}"


class Delivery(models.Model):
    """One message for one webhook: the outbox, written in the transaction that it tells of.

    PENDING with `leased_until` in the time to come: a process is sending it. Else it waits for
    `due_at`, or for an earlier one of its `ordering_key`. Nobody tries again what is DELIVERED or
    FAILED, unless a person sends it again. See `runs.webhooks.deliveries`.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING"
        DELIVERED = "DELIVERED"
        FAILED = "FAILED"

    #: The order in which messages of one run were written.
    id = models.BigAutoField(primary_key=True)
    #: The API's id and the header `webhook-id`: the same whenever it is sent.
    message_id = models.UUIDField(unique=True, db_default=RandomUUID(), editable=False)
    hook = models.ForeignKey(
        Webhook,
        on_delete=models.CASCADE,
        related_name="deliveries",
        # The check would have a run wait for whoever is deleting the hook.
        db_constraint=False,
        db_index=False,
    )
    type = models.CharField(max_length=20, choices=EventType)
    #: When it happened.
    at = models.DateTimeField(db_default=Now())
    #: Messages of a hook with the same one go out one after the other: the run's id, a gate's name.
    ordering_key = models.CharField(max_length=150)
    run_id = models.UUIDField(null=True)
    item_id = models.UUIDField(null=True)
    #: As it is sent; null: it is made before it is first sent, of what does not change any more.
    body = models.TextField(null=True)
    status = models.CharField(
        max_length=10, choices=Status, default=Status.PENDING, db_default=Status.PENDING.value
    )
    #: Fences what is noted: only the last attempt may say that it failed.
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    #: Since when it is tried; a person who sends it again begins anew.
    first_tried_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    #: Of its last attempt: the status that was answered, what went wrong, and how long it took.
    response_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, default="", db_default="")
    duration_ms = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            # deliveries_claim: the first of each hook and ordering key
            models.Index(
                fields=["hook", "ordering_key", "id"],
                condition=Q(status="PENDING"),
                name="delivery_pending",
            ),
            models.Index(
                fields=["hook", "leased_until"],
                condition=Q(leased_until__isnull=False),
                name="delivery_leased",
            ),
            models.Index(fields=["hook", "-id"], name="delivery_of_hook"),
            # the operators' page
            models.Index(fields=["-id"], condition=Q(status="FAILED"), name="delivery_failed"),
            models.Index(fields=["at"], name="delivery_expiry"),  # deliveries_expire
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.message_id}"


class ToldGate(models.Model):
    """A gate of which webhooks were told that it is closed, and not yet that it is open."""

    gate = models.CharField(max_length=150, primary_key=True)

    def __str__(self) -> str:
        return self.gate

"""Tables of the API itself: idempotency keys, failed sign-ins, ended sign-ins, API tokens, the
installation."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from batchgen.db.ids import new_id


class IdempotencyKey(models.Model):
    """A key that a user sent with a POST, and the answer it got: written in the transaction that
    did the work, so there is never one without the other."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=255)
    #: SHA-256 of method, path and body.
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    #: The answer's `data` as JSON text: the order of its keys is kept.
    body = models.TextField(default="")
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="idempotency_key_expiry"),  # rows_expire
        ]

    def __str__(self) -> str:
        return self.key


class SignInTries(models.Model):
    """How often somebody tried to sign in; for the key see `batchgen.accounts.login_throttle`."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "sign-in tries"
        indexes = [
            models.Index(fields=["expires_at"], name="sign_in_tries_expiry"),  # rows_expire
        ]

    def __str__(self) -> str:
        return self.key


class EndedFamily(models.Model):
    """A sign-in whose tokens are not good any more; `batchgen.accounts.tokens` says why."""

    family = models.UUIDField(primary_key=True)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ended families"
        indexes = [
            models.Index(fields=["expires_at"], name="ended_family_expiry"),  # rows_expire
        ]

    def __str__(self) -> str:
        return str(self.family)


class ApiToken(models.Model):
    """A token for a program, until it is revoked: see `batchgen.accounts.api_tokens`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: For people: what uses it.
    name = models.CharField(max_length=100)
    #: SHA-256 of the token, which is stored nowhere.
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    #: Of the user's password when it was made: it is good while that is the password.
    password_mark = models.CharField(max_length=32, editable=False)
    write = models.BooleanField()
    contents = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    #: To the minute.
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "API token"
        indexes = [
            models.Index(fields=["expires_at"], name="api_token_expiry"),  # rows_expire
        ]

    def __str__(self) -> str:
        return self.name


class Installation(models.Model):
    """The one row that tells this installation from others, as on a Redis that they share."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    single = models.BooleanField(default=True, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(single=True), name="installation_single"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

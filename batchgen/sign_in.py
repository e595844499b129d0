"""Sign-in takes patience: tries are counted in PostgreSQL, for the API and the admin alike.

A try counts before the password is looked at, so that many at the same time count as many, and
is taken back when it was right. Counted are the pair of name and address, which a guesser meets
first; and, ten times as patiently, the name from all addresses and the address for all names.
Names that nobody has count like others, and Django spends the time of a wrong password on them,
so an answer does not tell which names exist.
"""

import hashlib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest

from batchgen.errors import Throttled
from batchgen.expiry import rows_expire
from batchgen.models import SignInTries
from batchgen.proxies import address_of, household

#: A name or an address alone may be tried so many times as often as the two together.
_PATIENCE = 10


class ThrottledBackend(ModelBackend):
    """Names and passwords of the database, tried a limited number of times."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Raises:
        Throttled: there were too many wrong tries lately.
        """
        keys = _keys(username or "", client_address(request))
        _count(keys)
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            _take_back(keys)
        return user


class SignInForm(AdminAuthenticationForm):
    """The admin's form, which tells of too many tries as of a wrong password."""

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except Throttled as error:
            raise ValidationError(error.message) from error


def client_address(request: HttpRequest | None) -> str:
    """Who asks, as far as an address tells: of IPv6 the network. Behind proxies that are trusted
    it is the client's own (`batchgen.proxies`)."""
    return household(address_of(request.META.get("REMOTE_ADDR", "")) if request else None)


def _keys(username: str, address: str) -> dict[str, int]:
    """{key: how many tries}. Hashed: people type passwords into the field for the name."""
    tries = settings.SIGN_IN_TRIES
    parts = {
        ("pair", username, address): tries,
        ("name", username): tries * _PATIENCE,
        ("address", address): tries * _PATIENCE,
    }
    return {
        hashlib.sha256(repr(part).encode("utf-8", "surrogatepass")).hexdigest(): most
        for part, most in parts.items()
    }


def _count(keys: dict[str, int]) -> None:
    rows_expire(SignInTries)
    window = timedelta(seconds=settings.SIGN_IN_WINDOW_S)
    with transaction.atomic():
        # In one order, so that two tries never wait for each other.
        ends = Now() + window
        fresh = [SignInTries(key=key, expires_at=ends) for key in sorted(keys)]
        SignInTries.objects.bulk_create(fresh, ignore_conflicts=True)
        rows = SignInTries.objects.select_for_update().filter(key__in=keys).order_by("key")
        found = list(rows.values_list("key", "count", F("expires_at") - Now()))
        over = [key for key, _, left in found if left <= timedelta(0)]
        full = [left for key, count, left in found if key not in over and count >= keys[key]]
        if full:
            wait_s = max(1, round(max(full).total_seconds()))
            raise Throttled(f"Too many wrong tries. Try again in {wait_s} s.", wait_s=wait_s)
        SignInTries.objects.filter(key__in=over).update(count=0, expires_at=ends)
        SignInTries.objects.filter(key__in=keys).update(count=F("count") + 1)


def _take_back(keys: dict[str, int]) -> None:
    SignInTries.objects.filter(key__in=keys, count__gt=0).update(count=F("count") - 1)

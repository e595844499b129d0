"""Login throttling: failed sign-ins are counted in PostgreSQL, for the API, the pages and the admin
alike.

A try counts before the password is looked at, so that many at the same time count as many, and
is taken back when it was right. Counted are the pair of name and address, which a guesser meets
first; and, ten times as patiently, the name from all addresses and the address for all names.
The first two lock the name until the window is over. The address is no reason to refuse a right
password, for it may be a whole company's: once it had too many wrong tries, passwords from there
are looked at one at a time in a process, so that they take neither its threads nor its time from
others, and a wrong one is told as too many.
Names that nobody has count like others, and Django spends the time of a wrong password on them,
so an answer does not tell which names exist.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from threading import Lock
from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest

from batchgen.db.expiry import rows_expire
from batchgen.errors import Throttled
from batchgen.http.proxies import client_address
from batchgen.models import SignInTries

#: Longer than any password, and short enough to hash at once.
PASSWORD_CHARS = 1024
#: A name or an address alone may be tried so many times as often as the two together.
_PATIENCE = 10
#: When to try again while another password from the same address is being looked at.
_ONE_AT_A_TIME_S = 1
#: Addresses with too many wrong tries whose next one this process is looking at.
_looked_at: set[str] = set()
_looked_at_lock = Lock()


class ThrottledBackend(ModelBackend):
    """Names and passwords of the database, tried a limited number of times."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The user, if the password is right; None if not.

        Raises:
            Throttled: too many wrong tries of late.
        """
        address = client_address(request)
        keys = _keys(username or "", address)
        wait_s = _count(keys)
        try:
            with _alone(address) if wait_s else nullcontext():
                user = super().authenticate(request, username=username, password=password, **kwargs)
        except Throttled:  # nobody looked at the password, so it was no try
            _take_back(keys)
            raise
        if user is not None:
            _take_back(keys)
        elif wait_s:
            raise _too_many(wait_s)
        return user


class SignInForm(AuthenticationForm):
    """A form that tells of too many tries as of a wrong password, and for how long to wait."""

    #: Seconds until another try; 0: at once.
    wait_s = 0

    def clean(self) -> dict[str, Any]:
        if len(self.cleaned_data.get("password", "")) > PASSWORD_CHARS:
            raise self.get_invalid_login_error()
        try:
            return super().clean()
        except Throttled as error:
            self.wait_s = error.wait_s
            raise ValidationError(error.message) from error


class AdminSignInForm(SignInForm, AdminAuthenticationForm):
    """The same for the admin, which lets only staff in."""


@contextmanager
def _alone(address: str) -> Iterator[None]:
    """The only look at a password from this address in this process. Nobody waits for it in a
    thread.

    Raises:
        Throttled: there is one.
    """
    with _looked_at_lock:
        if address in _looked_at:
            raise _too_many(_ONE_AT_A_TIME_S)
        _looked_at.add(address)
    try:
        yield
    finally:
        _looked_at.discard(address)


def _too_many(wait_s: int) -> Throttled:
    return Throttled(f"Too many wrong tries. Try again in {wait_s} s.", wait_s=wait_s)


def _keys(username: str, address: str) -> dict[str, int]:
    """{key: how many tries}, the address's own last. Hashed: people type passwords into the field
    for the name."""
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


def _count(keys: dict[str, int]) -> int:
    """Count a try. Returns for how many seconds the address alone has had too many; 0: it has not.

    Raises:
        Throttled: the name has had too many, from this address or from everywhere.
    """
    rows_expire(SignInTries)
    window = timedelta(seconds=settings.SIGN_IN_WINDOW_S)
    of_address = list(keys)[-1]
    with transaction.atomic():
        # In one order, so that two tries never wait for each other.
        ends = Now() + window
        fresh = [SignInTries(key=key, expires_at=ends) for key in sorted(keys)]
        SignInTries.objects.bulk_create(fresh, ignore_conflicts=True)
        rows = SignInTries.objects.select_for_update().filter(key__in=keys).order_by("key")
        found = list(rows.values_list("key", "count", F("expires_at") - Now()))
        over = [key for key, _, left in found if left <= timedelta(0)]
        full: dict[str, int] = {
            key: max(1, round(left.total_seconds()))
            for key, count, left in found
            if key not in over and count >= keys[key]
        }
        if locks := [wait_s for key, wait_s in full.items() if key != of_address]:
            raise _too_many(max(locks))
        SignInTries.objects.filter(key__in=over).update(count=0, expires_at=ends)
        SignInTries.objects.filter(key__in=keys).update(count=F("count") + 1)
    return full.get(of_address, 0)


def _take_back(keys: dict[str, int]) -> None:
    SignInTries.objects.filter(key__in=keys, count__gt=0).update(count=F("count") - 1)

"""The product's settings, but that what it keeps for days it keeps for SOAK_KEEP_S seconds, that
what it cleans up each hour it cleans up each minute, and that passwords are quick to hash."""

import os
from datetime import timedelta

from batchgen.settings import *  # noqa: F403  # all of them
from batchgen.settings import CELERY_BEAT_SCHEDULE, SIMPLE_JWT

KEEP_S = int(os.environ["SOAK_KEEP_S"])
#: Once a minute, or four times in what is kept.
CLEAN_UP_S = min(60, KEEP_S / 4)

EXPORT_KEEP_S = IDEMPOTENCY_KEEP_S = QUOTE_VALID_S = SIGN_IN_WINDOW_S = WEBHOOK_KEEP_S = KEEP_S
SESSION_COOKIE_AGE = KEEP_S
SIMPLE_JWT = {**SIMPLE_JWT, "REFRESH_TOKEN_LIFETIME": timedelta(seconds=KEEP_S)}
CELERY_RESULT_EXPIRES = WORKERS_KEPT = timedelta(seconds=KEEP_S)
CELERY_BEAT_SCHEDULE = {
    **CELERY_BEAT_SCHEDULE,
    # Celery's own, which beat adds by itself, for four o'clock.
    "celery.backend_cleanup": {"task": "celery.backend_cleanup", "options": {"priority": 9}},
}
for _entry in CELERY_BEAT_SCHEDULE.values():
    _entry["schedule"] = timedelta(seconds=CLEAN_UP_S)
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

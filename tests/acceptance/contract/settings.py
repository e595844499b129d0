"""The product's settings, but that passwords are quick to hash, which is not what is tried here."""

from batchgen.settings import *  # noqa: F403  # all of them

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

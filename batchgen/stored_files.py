"""Where files are kept that outlive a request: a local folder, or storage that speaks S3."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: Alias in Django's STORAGES.
EXPORTS = "exports"

_LIKE = "s3://bucket/folder?endpoint_url=https://s3.example.com&region_name=eu-central-1"
_S3_OPTIONS = frozenset({"endpoint_url", "region_name", "addressing_style"})
#: Of a file that is read so much stays in memory; the rest goes to a temporary file.
_S3_MEMORY_BYTES = 1_000_000


def export_storage(*, folder: str, s3_url: str) -> dict[str, Any]:
    """An entry of Django's STORAGES.

    Args:
        folder: an absolute path, for files of batchgen alone: others than its user and group do
            not read them.
        s3_url: as _LIKE; "" for the folder. Who asks is said as AWS's own programs are told it.

    Raises:
        ImproperlyConfigured: neither.
    """
    if s3_url:
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _s3_options(s3_url)}
    if not Path(folder).is_absolute():
        raise ImproperlyConfigured(f"BATCHGEN_EXPORT_DIR must be a whole path, not {folder!r}.")
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": folder,
            "file_permissions_mode": 0o640,
            "directory_permissions_mode": 0o750,
        },
    }


def _s3_options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    # Without its hostname as urlsplit reads it, which is in lower case.
    bucket = parts.netloc
    if parts.scheme != "s3" or not bucket or "@" in bucket or not given.keys() <= _S3_OPTIONS:
        raise ImproperlyConfigured(f"BATCHGEN_EXPORT_S3_URL must be like {_LIKE}.")
    return {
        "bucket_name": bucket,
        "location": parts.path.strip("/"),
        "default_acl": None,
        # Names are made to be new, so nobody has to look whether one is taken.
        "file_overwrite": True,
        "max_memory_size": _S3_MEMORY_BYTES,
        **given,
    }

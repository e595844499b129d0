"""Static file storage, with URLs below the path that batchgen is served at."""

from django.urls import get_script_prefix
from whitenoise.storage import CompressedStaticFilesStorage


class StaticStorage(CompressedStaticFilesStorage):
    """Under the path that batchgen is served at, which the request tells; collected files have a
    compressed copy beside them."""

    @property
    def base_url(self) -> str:
        return f"{get_script_prefix()}static/"

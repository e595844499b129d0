"""What uvicorn serves."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")

django = get_asgi_application()

from batchgen.middleware import BodyLimit  # noqa: E402 - these need Django to be set up
from runs.live.asgi import EventStreams  # noqa: E402

application = EventStreams(BodyLimit(django))

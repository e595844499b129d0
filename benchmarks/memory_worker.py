"""Celery's own command line, in a process whose provider answers from memory."""

from unittest.mock import patch

import django
from celery.__main__ import main

from benchmarks.memory_provider import MemoryProvider

if __name__ == "__main__":
    django.setup()
    with patch("workers.signals.provider_client", MemoryProvider):
        main()

"""Celery's own command line, in a process whose provider answers from memory."""

import django
from celery.__main__ import main

from benchmarks.memory_provider import MemoryAccount

if __name__ == "__main__":
    django.setup()
    from providers.registry import ACCOUNTS

    ACCOUNTS["simulator"] = MemoryAccount
    main()

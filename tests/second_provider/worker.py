"""Celery's own command line, in a process that knows the second provider too."""

from celery.__main__ import main

from providers.registry import ACCOUNTS
from tests.second_provider.client import SecondAccount

if __name__ == "__main__":
    ACCOUNTS["second"] = SecondAccount
    main()

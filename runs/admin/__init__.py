"""Runs in Django's admin. Django looks for what is registered here."""

from runs.admin import gates, pages

__all__ = ["gates", "pages"]

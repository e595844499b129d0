"""Runs in Django's admin. Django looks for what is registered here."""

from runs.admin import gates, money, project_page, row_pages, run_page

__all__ = ["gates", "money", "project_page", "row_pages", "run_page"]

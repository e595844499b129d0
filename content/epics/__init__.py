"""Epics from the cards of a project: one call, or groups of cards whose epics are merged."""

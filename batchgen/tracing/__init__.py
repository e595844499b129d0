"""Traces of requests, runs and calls, for whoever collects them; docs/observability.md."""

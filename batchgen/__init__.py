"""batchgen: generates large batches of content with Claude and loses nothing."""

import sys

#: Of the program; pyproject.toml, docs/openapi.yaml, the chart and CHANGELOG.md follow.
VERSION = "0.3.0.dev0"

# Wherever it is installed, redis-py imports OpenTelemetry's SDK of metrics, 50 ms and 3 MB of every
# process, for metrics that nobody here switches on. With this it finds none.
sys.modules.setdefault("opentelemetry.sdk.metrics", None)  # type: ignore[arg-type]  # as import has it

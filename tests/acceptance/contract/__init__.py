"""The API against its own document: requests that schemathesis makes from docs/openapi.yaml."""

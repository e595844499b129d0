"""The MCP server: a face of the API for assistants, as a process of its own (`manage.py mcp`)."""

"""The web process: uvicorn, with limits on what a connection may cost."""

"""A provider that speaks as OpenAI does, small as it may be: the seam's proof.

client.py  the provider behind `providers.provider`, and its account
server.py  who answers it over HTTP
worker.py  a Celery worker that knows it, as a line in `providers.registry` would make it
"""

"""The provider client: one process's way to the model, and everything that can go wrong on it.

client.py     ProviderClient, the facade that worker threads call
session.py    the event loop, the SDK client and one call's way through them
messages.py   our values -> the SDK's arguments; a response body -> a Completion
headers.py    rate-limit headers and retry-after
errors.py     the error tree; what each error does to the epic and the run
translate.py  any exception of the SDK and its transports -> one of those errors
prices.py     what a call cost; prices.toml holds the table
"""

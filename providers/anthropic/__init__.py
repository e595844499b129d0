"""Anthropic's Messages API behind the seam: one loop's way to it.

client.py              ProviderClient: one call's way, its deadline and its connection
sdk.py                 the SDK's client as we want it
wire.py                our values -> the SDK's arguments; a response body -> a Completion
rate_limit_headers.py  rate-limit headers and retry-after
refusals.py            who refused a call, and in what words
translate.py           any exception of the SDK and its transports -> one of `providers.errors`
acquaintance.py        whether the key and the model are known
"""

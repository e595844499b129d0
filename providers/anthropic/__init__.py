"""Anthropic's Messages API behind the seam: one loop's way to it.

client.py              ProviderClient: what one loop asks
calls.py               a call's way: its connection, its deadline, its error
sdk.py                 the SDK's client as we want it
wire.py                our values -> the SDK's arguments; a response body -> a Completion
batches.py             Message Batches
batch_wire.py          what goes to them and what is told of them, as our values
line_splitter.py       a stream as lines
results_source.py      where a batch's results are, and who is told the key
rate_limit_headers.py  rate-limit headers and retry-after
refusals.py            who refused a call, and in what words
translate.py           any exception of the SDK and its transports -> one of `providers.errors`
usage_report.py        what an organization used, by day
acquaintance.py        whether the key and the model are known
"""

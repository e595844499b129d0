"""The fault suite: real workers, a real provider simulator, and servers that may be killed.

`python -m tests.acceptance.faults --help` runs it by hand; `make faults` runs the long selection,
`make acceptance` the short one. docs/reliability.md says what it shows.
"""

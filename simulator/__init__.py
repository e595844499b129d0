"""A stand-in for the provider: speaks its HTTP protocol, costs nothing, fails on demand.

A program of its own (`python -m simulator`). Nothing else in the project imports it, and it
imports nothing of the project.
"""

"""Benchmarks: how fast books are reconciled and files replayed, and in how much memory.

`endings` lets a handful of orders really happen, `copies` copies their rows in bulk, `statements`
states them as a provider and a carrier would, and `breaks` plants what is to be found. `measure`
runs what is measured in a process of its own; `reconciling` and `replaying` say what that is.
"""

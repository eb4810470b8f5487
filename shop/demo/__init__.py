"""Demonstration: real orders go every way there is, and then the books are held against each other.

`plan` decides what is to happen, `prepare` makes room, `drive` plays customers, warehouse and
carrier, `crew` runs the workers and `drill` kills them, `observe` counts what has really happened,
`report` says so.
"""

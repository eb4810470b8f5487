"""Somebody else's shop: the test copies `project` out of here and runs it on its own."""

"""Counting: an app with one step, for tests that need very many deliveries."""

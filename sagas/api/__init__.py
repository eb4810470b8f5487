"""The DRF door: the same facts and verbs as the admin, for other programs."""

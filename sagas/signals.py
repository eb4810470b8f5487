"""Signals: what other code may listen to. Sent after the commit they speak of."""

from django.dispatch import Signal

#: A saga reached its end. Arguments: `saga` (the Saga row).
saga_ended = Signal()
#: A delivery gave up and waits for a person. Arguments: `delivery_id`, `consumer`, `step`, `error`.
delivery_died = Signal()

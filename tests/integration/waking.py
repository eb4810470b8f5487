"""Settings of a relay that only wakes: however long something has waited, workers do it."""

from datetime import timedelta

from tests.integration.hurried import *  # noqa: F403
from tests.integration.hurried import SAGAS

SAGAS = {**SAGAS, "RELAY_DRAINS_AFTER": timedelta(hours=1)}

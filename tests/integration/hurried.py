"""Settings of the processes that tests start: the shop's own, in more of a hurry."""

from datetime import timedelta

from shop.settings import *  # noqa: F403
from shop.settings import SAGAS

SAGAS = {
    **SAGAS,
    "RELAY_INTERVAL": timedelta(seconds=0.2),
    "RELAY_DRAINS_AFTER": timedelta(seconds=1),
    "STRICT": True,
}

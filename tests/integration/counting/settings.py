"""Settings of the processes that count."""

from tests.integration.hurried import *  # noqa: F403
from tests.integration.hurried import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.integration.counting"]

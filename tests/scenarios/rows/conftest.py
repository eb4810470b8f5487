"""What a shop may choose otherwise than the decision table."""

import pytest


@pytest.fixture
def policy(settings):
    """Return what makes the shop choose otherwise, by the names of `settings.SHOP`."""

    def choose(**values):
        settings.SHOP = {**settings.SHOP, **values}

    return choose

"""Settings: one dict, read lazily, refused with a suggestion when wrong."""

from datetime import timedelta

import pytest

from sagas.conf import Settings, is_strict
from sagas.conf import settings as sagas_settings
from sagas.exceptions import ConfigurationError


def test_what_is_not_given_has_a_default(settings):
    settings.SAGAS = {"BATCH_SIZE": 7}

    assert sagas_settings().BATCH_SIZE == 7
    assert sagas_settings().BATCH_ROWS == Settings().BATCH_ROWS


def test_no_settings_at_all_are_fine(settings):
    del settings.SAGAS
    sagas_settings.cache_clear()  # taking a setting away sends no signal

    assert sagas_settings() == Settings()


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("BATCH_SIZES", "Did you mean 'BATCH_SIZE'?"),
        ("batch_size", "is not a setting of sagas."),
        ("COLOUR", "is not a setting of sagas."),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(settings, key, suggestion):
    settings.SAGAS = {key: 1}

    with pytest.raises(ConfigurationError) as refused:
        sagas_settings()
    assert str(refused.value).startswith(f"SAGAS['{key}'] is not a setting of sagas.")
    assert suggestion in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("BATCH_SIZE", "100", "must be a int, not str"),
        ("RELAY_INTERVAL", 5, "must be a timedelta, not int"),
        ("TRANSPORT", None, "must be a str, not NoneType"),
        ("BRAKES", [], "must be a dict, not list"),
        ("BRAKES", {"refund": 5}, r'SAGAS\["BRAKES"\]\[\'refund\'\] must be a Brake, not int'),
    ],
)
def test_a_wrong_type_is_refused_with_both_types(settings, key, value, message):
    settings.SAGAS = {key: value}

    with pytest.raises(ConfigurationError, match=message):
        sagas_settings()


def test_changed_settings_count_at_once(settings):
    for interval in (timedelta(seconds=3), timedelta(seconds=4)):
        settings.SAGAS = {"RELAY_INTERVAL": interval}
        found = sagas_settings().RELAY_INTERVAL
        assert found == interval


@pytest.mark.parametrize(
    ("strict", "debug", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_steps_are_watched_in_debug_unless_said_otherwise(settings, strict, debug, expected):
    settings.SAGAS, settings.DEBUG = {"STRICT": strict}, debug

    assert is_strict() is expected

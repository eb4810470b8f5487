"""Scenarios; what helps them to assert says what differs, as the tests themselves do."""

import pytest

pytest.register_assert_rewrite("tests.scenarios.books", "tests.scenarios.endings")

"""Every row of the decision table has a scenario that is named after it."""

import ast
from pathlib import Path

import pytest

from orders.decision_table import DECISIONS


def named() -> list[str]:
    """Return the names of all tests beside this one."""
    modules = Path(__file__).parent.glob("test_*.py")
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in modules]
    nodes = [node for tree in trees for node in tree.body]
    return [node.name for node in nodes if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("row", DECISIONS)
def test_a_row_has_a_scenario_that_is_named_after_it(row):
    assert [name for name in named() if name.startswith(f"test_d{row}_")]

"""Report: what was measured, as tables for people and as JSON for programs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from benchmarks.looking import Pass
from benchmarks.reconciling import EVERYTHING, GROUPS, Row
from benchmarks.replaying import Replayed

_NOTE: Final = (
    "Per core: by the time that the process and its session on the server were on a core.\n"
    "Ratios of one run count, absolute figures do not."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that was measured in one run."""

    rows: Sequence[Row]
    replays: Sequence[Replayed]

    @property
    def wrong(self) -> list[str]:
        """What was not found as it was planted, or does not agree with the file."""
        runs = [
            f"{row.name}, {row.orders} orders: {each}" for row in self.rows for each in row.wrong
        ]
        return runs + [f"{each.name}: {wrong}" for each in self.replays for wrong in each.wrong]


def as_json(report: Report) -> str:
    """Return it for programs: seconds, mebibytes, and orders per second of one core."""
    told = {
        "cores": os.cpu_count(),
        "reconciling": [_row_json(row) for row in report.rows],
        "replaying": [_replay_json(each) for each in report.replays],
        "wrong": report.wrong,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "orders": row.orders,
        "per_second_and_core": round(row.orders / row.cost.core),
        "cost": row.cost,
        "lines": row.lines,
        "planted": row.planted,
        "found": row.found,
        "passes": row.passes,
    }


def _replay_json(each: Replayed) -> dict[str, Any]:
    rate = round(each.orders / each.cost.core, 1)
    return {
        "name": each.name,
        "orders": each.orders,
        "lines": each.lines,
        "per_second_and_core": rate,
        "cost": each.cost,
    }


def tell(report: Report) -> str:
    """Return it for people."""
    parts = [
        _heading("Reconciling"),
        _table(
            (
                "",
                "orders",
                "orders/s and core",
                "wall s",
                "process s",
                "server s",
                "peak MiB",
                "found",
            ),
            [_row_cells(row) for row in report.rows],
        ),
        _heading("Each predicate, in the run over everything"),
        _table(("", "looked at", "per s", "found"), [_pass_cells(p) for p in _largest(report)]),
    ]
    if report.replays:
        titles = ("", "orders", "lines", "orders/s", "wall s", "process s", "peak MiB")
        cells = [_replay_cells(each) for each in report.replays]
        parts += [_heading("Replaying"), _table(titles, cells)]
    return "\n".join([*parts, "", _NOTE, *_verdict(report), ""])


def _largest(report: Report) -> Sequence[Pass]:
    whole = [row for row in report.rows if row.name == EVERYTHING]
    return whole[-1].passes if whole else ()


def _row_cells(row: Row) -> tuple[str, ...]:
    cost = row.cost
    about = GROUPS.get(row.name)
    return (
        f"{row.name}: {about}" if about else row.name,
        f"{row.orders:,}",
        f"{row.orders / cost.core:,.0f}",
        f"{cost.wall:.1f}",
        f"{cost.client:.1f}",
        "?" if cost.server is None else f"{cost.server:.1f}",
        f"{cost.peak:.0f}",
        f"{sum(row.found.values()):,}",
    )


def _pass_cells(each: Pass) -> tuple[str, ...]:
    rate = f"{each.looked / each.seconds:,.0f}" if each.looked and each.seconds else ""
    return each.predicate, f"{each.looked:,}" if each.looked else "", rate, f"{each.found:,}"


def _replay_cells(each: Replayed) -> tuple[str, ...]:
    cost = each.cost
    return (
        each.name,
        f"{each.orders:,}",
        f"{each.lines:,}",
        f"{each.orders / cost.wall:,.1f}",
        f"{cost.wall:.1f}",
        f"{cost.client:.1f}",
        f"{cost.peak:.0f}",
    )


def _heading(text: str) -> str:
    return f"\n{text}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns, the first to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = []
    for row in (titles, *rows):
        first, *others = (
            f"{text:{'<' if not n else '>'}{widths[n]}}" for n, text in enumerate(row)
        )
        lines.append("  ".join(("", first, *others)).rstrip())
    return "\n".join(lines)


def _verdict(report: Report) -> list[str]:
    if not report.wrong:
        return ["All that was planted was found, and nothing else."]
    return ["NOT AS PLANTED:", *(f"  {each}" for each in report.wrong)]

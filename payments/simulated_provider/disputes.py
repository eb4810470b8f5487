"""Disputes: the customer asks the bank instead of the shop, and the bank may take the money back.

An ``inquiry`` only asks and takes nothing; it may become ``open``, which ends as ``won`` or
``lost``. An inquiry that ends is ``won``, too: nothing is charged back. Every function that
writes needs an open transaction.
"""

from __future__ import annotations

from typing import Any, Final

from . import statement
from .requests import InvalidRequest, digest
from .storage import Books
from .webhooks import announce

SCHEMA: Final = """
CREATE TABLE dispute (
    id TEXT PRIMARY KEY,
    capture TEXT NOT NULL REFERENCES capture (id),
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT disputed_is_positive CHECK (amount_minor > 0),
    status TEXT NOT NULL CONSTRAINT a_dispute_has_a_known_status
        CHECK (status IN ('inquiry', 'open', 'won', 'lost'))
);
CREATE INDEX dispute_reference ON dispute (reference);
CREATE UNIQUE INDEX one_live_dispute_per_capture ON dispute (capture)
 WHERE status IN ('inquiry', 'open');
"""

# What is still on its way back is not refunded yet, so it can be disputed.
_DISPUTABLE: Final = """
    SELECT *, amount_minor - refunded_minor - charged_back_minor AS left_minor FROM capture
     WHERE reference = ? AND refunded_minor + charged_back_minor < amount_minor
       AND NOT EXISTS (SELECT 1 FROM dispute
                        WHERE capture = capture.id AND status IN ('inquiry', 'open'))
     ORDER BY rowid DESC LIMIT 1
"""


def begin(
    books: Books, reference: str, amount_minor: int | None, *, inquiry: bool
) -> dict[str, Any]:
    """Dispute the newest capture of a reference that can be; return the dispute.

    Raises InvalidRequest when none can, or when not that much is left of it.
    """
    capture = books.one(_DISPUTABLE, [reference])
    if capture is None:
        raise InvalidRequest(f"{reference} has no capture, not fully refunded, left to dispute.")
    amount = capture["left_minor"] if amount_minor is None else amount_minor
    if not 0 < amount <= capture["left_minor"]:
        raise InvalidRequest(
            f"Of capture {capture['id']}, {capture['left_minor']} can be disputed, not {amount}."
        )
    (earlier,) = books.execute(
        "SELECT COUNT(*) AS n FROM dispute WHERE capture = ?", [capture["id"]]
    )
    status = "inquiry" if inquiry else "open"
    (row,) = books.execute(
        "INSERT INTO dispute (id, capture, reference, currency, amount_minor, status)"
        " VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        [
            "dp_" + digest(f"{capture['id']}:{earlier['n']}"),
            capture["id"],
            reference,
            capture["currency"],
            amount,
            status,
        ],
    )
    _tell(books, row, "opened")
    return dict(row)


def escalate(books: Books, dispute_id: str) -> dict[str, Any]:
    """Make a dispute of an inquiry; return it. Raises InvalidRequest for any other."""
    found = _find(books, dispute_id, "inquiry")
    return _turn(books, found, "open", "escalated")


def close(books: Books, dispute_id: str, *, won: bool) -> dict[str, Any]:
    """End a dispute: a lost one is charged back. Raises InvalidRequest if it isn't open.

    An inquiry can only be won: no money is taken before it is escalated.
    """
    found = _find(books, dispute_id, *(("inquiry", "open") if won else ("open",)))
    if not won:
        _charge_back(books, found)
    return _turn(books, found, "won" if won else "lost", "closed")


def is_open(books: Books, capture_id: str) -> bool:
    """Tell whether the bank holds the money of a capture."""
    return _live(books, capture_id, "open") is not None


def answer_inquiry(books: Books, capture_id: str) -> None:
    """Close the inquiry about a capture, if there is one: its customer has got money back."""
    found = _live(books, capture_id, "inquiry")
    if found:
        _turn(books, found, "won", "closed")


def _live(books: Books, capture_id: str, status: str) -> dict[str, Any] | None:
    return books.one("SELECT * FROM dispute WHERE capture = ? AND status = ?", [capture_id, status])


def _find(books: Books, dispute_id: str, *statuses: str) -> dict[str, Any]:
    found = books.one("SELECT * FROM dispute WHERE id = ?", [dispute_id])
    if found is None:
        raise InvalidRequest(f"There is no dispute {dispute_id!r}.")
    if found["status"] not in statuses:
        needed = " or ".join(statuses)
        raise InvalidRequest(
            f"Dispute {dispute_id} is {found['status']}; this can be done while it is {needed}."
        )
    return found


def _charge_back(books: Books, dispute: dict[str, Any]) -> None:
    books.execute(
        "UPDATE capture SET charged_back_minor = charged_back_minor + :amount_minor"
        " WHERE id = :capture",
        dispute,
    )
    statement.write(
        books,
        "chargeback",
        id=dispute["id"],
        parent=dispute["capture"],
        reference=dispute["reference"],
        amount_minor=dispute["amount_minor"],
        currency=dispute["currency"],
    )


def _turn(books: Books, dispute: dict[str, Any], status: str, outcome: str) -> dict[str, Any]:
    books.execute("UPDATE dispute SET status = ? WHERE id = ?", [status, dispute["id"]])
    turned = dispute | {"status": status}
    _tell(books, turned, outcome)
    return turned


def _tell(books: Books, dispute: dict[str, Any], outcome: str) -> None:
    names = ("reference", "id", "amount_minor", "currency", "status")
    data = {"kind": "dispute", "key": "", "parent": dispute["capture"], "ok": True, "code": ""}
    announce(books, "dispute", outcome, data | {name: dispute[name] for name in names})

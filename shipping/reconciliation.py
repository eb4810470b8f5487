"""Reconciliation: the carriers' scans as a statement; what they are compared with is the shop's."""

from collections.abc import Iterator

from sagas.reconciliation import Line, Source, declare_source
from shipping.gateway import carrier

#: Who is asked about parcels.
OWNER = "shipping"
#: The carriers' scans, as the lines of them are stored under.
SCANS = "parcels"


def _scans(after: str) -> Iterator[Line]:
    """Yield what the carriers' drivers recorded, as it comes."""
    for scan in carrier().scans_after(int(after or 0)):
        yield Line(
            position=str(scan.number),
            kind=scan.kind,
            their_id=scan.tracking,
            reference=scan.reference,
            at=scan.at,
        )


declare_source(Source(name=SCANS, read=_scans))

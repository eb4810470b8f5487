"""Totals: everything a replay says, added up exactly and in pence, to be held against the file.

Whatever stands in the file is sold, credited, refused or left out, and the four make up its total.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from shop.documents import Document
from shop.replay.acts import (
    Bucket,
    Departure,
    Gift,
    GoodsBack,
    LeftOut,
    MoneyBack,
    Placing,
    Reason,
    Refused,
    Said,
    Way,
)

_PENNY: Final = Decimal("0.01")
_NOTHING: Final = Decimal(0)


@dataclass(slots=True)
class Sum:
    """So many; what they come to in the file, in pounds; and what the shop books, in pence."""

    count: int = 0
    units: int = 0
    exact: Decimal = _NOTHING
    minor: int = 0

    def add(self, exact: Decimal, minor: int = 0, *, units: int = 0) -> None:
        """Count one more."""
        self.count += 1
        self.units += units
        self.exact += exact
        self.minor += minor


def _sums() -> dict[object, Sum]:
    return defaultdict(Sum)


@dataclass(slots=True)
class Totals:
    """All sums of one replay. What went back and what was refused is positive."""

    #: What all lines of the invoice file come to, and how many there are.
    file: Decimal = _NOTHING
    lines: int = 0
    sold: Sum = field(default_factory=Sum)
    credited: dict[object, Sum] = field(default_factory=_sums)
    refused: dict[object, Sum] = field(default_factory=_sums)
    left_out: dict[object, Sum] = field(default_factory=_sums)
    #: By how much less than was paid for the goods their credit notes were, in pence.
    reduction: int = 0

    # -- adding up -------------------------------------------------------------------------------

    def reading(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield the documents of the invoice file, added up as they stand."""
        for document in documents:
            self.lines += len(document.entries)
            self.file += sum((entry.amount for entry in document.entries), _NOTHING)
            yield document

    def hearing(self, said: Iterable[Said]) -> Iterator[Said]:
        """Yield what a plan says, added up."""
        for each in said:
            self._add(each)
            yield each

    def _add(self, said: Said) -> None:
        match said:
            case Placing():
                self.sold.add(said.exact, said.minor, units=said.units)
            case GoodsBack():
                self.credited[said.way].add(said.exact, said.minor, units=said.units)
                self.reduction += said.reduction
            case MoneyBack():
                self.credited[said.gift].add(said.exact, said.minor)
            case Refused():
                self.refused[said.reason].add(said.exact)
            case LeftOut():
                self.left_out[said.bucket].add(said.exact)
            case Departure():
                pass  # moves no money

    # -- what it comes to ------------------------------------------------------------------------

    @property
    def credited_minor(self) -> int:
        """What went back to customers, in pence."""
        return sum(each.minor for each in self.credited.values())

    @property
    def credited_exact(self) -> Decimal:
        """What the granted credits come to in the file."""
        return _all(self.credited)

    @property
    def refused_exact(self) -> Decimal:
        """What the refused credits come to in the file."""
        return _all(self.refused)

    @property
    def left_out_exact(self) -> Decimal:
        """What is left out, with the file's sign."""
        return _all(self.left_out)

    @property
    def sold_rounding(self) -> Decimal:
        """What the file says beyond the pence that customers pay."""
        return self.sold.exact - self.sold.minor * _PENNY

    @property
    def credited_rounding(self) -> Decimal:
        """What the file says beyond the pence that went back, reductions put aside."""
        return self.credited_exact - (self.credited_minor - self.reduction) * _PENNY

    @property
    def difference(self) -> Decimal:
        """What nothing explains: the file's total less all that was said. It must be 0."""
        said = self.sold.exact + self.left_out_exact - self.credited_exact - self.refused_exact
        return self.file - said


def _all(sums: dict[object, Sum]) -> Decimal:
    return sum((each.exact for each in sums.values()), _NOTHING)


#: What a report goes through, in this order.
CREDITED: Final[tuple[Way | Gift, ...]] = (*Way, *Gift)
REFUSED: Final[tuple[Reason, ...]] = tuple(Reason)
LEFT_OUT: Final[tuple[Bucket, ...]] = tuple(Bucket)

"""Decision table: what is done for every trigger in every business state, row by row (D-1 to D-30).

It is read, never run: `docs/concepts/compensation.md` is made from it, and a scenario is named
after each row. Every row begins alike: the case is written down and the way forward is fenced off.
G is what was paid for the goods, F the shipping fee, X the return fee; A, C and V are authorised,
captured and voided, R what was refunded, B what a bank took, N = C - R - B is what the shop holds.
"""

from dataclasses import dataclass
from typing import Final

from orders.events import CaseKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One row: what happens when `trigger` meets an order in this state."""

    trigger: str
    #: States before: the order's, its payment's, its stock's, its parcel's; "-" for none yet.
    order: str
    payment: str
    stock: str
    parcel: str
    #: Why; None where no case is opened, or the one that is open goes on.
    kind: CaseKind | None
    #: What is done, in this order.
    actions: tuple[str, ...]
    #: The order's state in the end.
    final: str
    #: What holds of the money in the end.
    money: str
    #: Where it happens; the first one is where it begins.
    choreographies: tuple[str, ...]


#: Where rows begin: the states of order / payment / stock / parcel.
_UNPAID: Final = "placed / none / reserved / -"
_AUTHORISED: Final = "confirmed / authorised / committed / -"
_CAPTURED: Final = "confirmed / captured / committed / -"
_SHIPPED: Final = "shipped / captured / out / on its way"
_DELIVERED: Final = "delivered / captured / out / delivered"


def _row(
    *,
    trigger: str,
    before: str,
    kind: CaseKind | None,
    actions: str,
    final: str,
    money: str,
    through: str = "checkout",
) -> Decision:
    order, payment, stock, parcel = before.split(" / ")
    return Decision(
        trigger=trigger,
        order=order,
        payment=payment,
        stock=stock,
        parcel=parcel,
        kind=kind,
        actions=tuple(actions.split(" -> ")),
        final=final,
        money=money,
        choreographies=tuple(through.split(" + ")),
    )


#: All thirty rows by number; the first one that fits is the one that holds.
DECISIONS: Final[dict[int, Decision]] = {
    1: _row(
        trigger="the customer cancels before paying",
        before=_UNPAID,
        kind=CaseKind.ABANDON,
        actions="close the payment session -> release the stock -> restore coupon and points",
        final="cancelled",
        money="C = 0",
    ),
    2: _row(
        trigger="no card is accepted",
        before=_UNPAID,
        kind=CaseKind.PAYMENT_FAILED,
        actions="offer another card, while the stock is kept -> close the payment session -> "
        "release the stock -> restore coupon and points",
        final="cancelled",
        money="C = 0",
    ),
    3: _row(
        trigger="the payment gives no answer",
        before="placed / unknown / reserved / -",
        kind=CaseKind.PAYMENT_FAILED,
        actions="ask the provider, and extend the reservation visibly while it is not known -> "
        "have the provider close its session -> once it is known to be unpaid, release the "
        "stock; if it was captured, D-4 while the order lives, D-5 otherwise",
        final="cancelled, or as D-4",
        money="N = 0 or N = total",
        through="checkout + late_success",
    ),
    4: _row(
        trigger="a capture is learned of while the order lives",
        before="placed / captured / reserved / -",
        kind=None,
        actions="confirm the order and its reservation -> if the stock has gone to others "
        "meanwhile, D-9",
        final="confirmed",
        money="N = total",
    ),
    5: _row(
        trigger="a capture is learned of after the order was given up",
        before="cancelling or cancelled / captured late / any / -",
        kind=CaseKind.LATE_SUCCESS,
        actions="give the money back under a key of its own -> send nothing, unless the shop "
        "reinstates orders and the stock can be reserved anew",
        final="cancelled, or reinstated",
        money="N = 0, or N = total",
        through="late_success + replacement",
    ),
    6: _row(
        trigger="no deposit comes in time",
        before="placed / deposit awaited / reserved / -",
        kind=CaseKind.PAYMENT_FAILED,
        actions="close the virtual account -> once that is confirmed, release the stock -> a "
        "deposit after that is D-5, paid back to an account of the customer's",
        final="cancelled",
        money="N = 0",
        through="checkout + late_success",
    ),
    7: _row(
        trigger="the customer cancels an order whose money is only reserved",
        before=_AUTHORISED,
        kind=CaseKind.CANCEL,
        actions="void the authorisation -> release the stock -> restore coupon and points",
        final="cancelled",
        money="C = 0, V = A",
    ),
    8: _row(
        trigger="the customer cancels an order whose money was taken",
        before=_CAPTURED,
        kind=CaseKind.CANCEL,
        actions="cancel the capture on the same day, refund it in full later -> release the stock "
        "meanwhile -> restore coupon and points",
        final="cancelled",
        money="R = C, nothing is kept",
    ),
    9: _row(
        trigger="nothing of the order is there",
        before="any before shipping / authorised or captured / missing / -",
        kind=CaseKind.OOS_CANCEL,
        actions="void the authorisation, or cancel the capture, or refund it -> correct the stock "
        "instead of restocking it -> restore coupon and points, and send an apology coupon",
        final="cancelled",
        money="N = 0",
    ),
    10: _row(
        trigger="a part of the order is not there, and its money is only reserved",
        before="confirmed / authorised / partly there / -",
        kind=CaseKind.OOS_CANCEL,
        actions="take less, which gives the rest of the authorisation up -> correct the stock -> "
        "send an apology coupon",
        final="confirmed",
        money="C = total of the lines that are kept",
        through="checkout + partial",
    ),
    11: _row(
        trigger="a part of the order is not there, and its money was taken",
        before="confirmed / captured / partly there / -",
        kind=CaseKind.OOS_CANCEL,
        actions="cancel a part of the capture, allocated by line -> correct the stock -> send an "
        "apology coupon",
        final="confirmed",
        money="N = total of the lines that are kept",
        through="checkout + partial",
    ),
    12: _row(
        trigger="the customer cancels an order that is being packed",
        before="fulfilling / authorised or captured / committed / labelled",
        kind=CaseKind.CANCEL,
        actions="ask who ships -> accepted: void the label, then D-7 or D-8 -> refused: the order "
        "goes on, and a return is offered",
        final="cancelled, or unchanged",
        money="as D-7 or D-8, or N = total",
    ),
    13: _row(
        trigger="the customer wants goods back that are on their way",
        before=_SHIPPED,
        kind=CaseKind.RETURN,
        actions="ask the carrier to stop the parcel; money waits -> stopped and received: inspect "
        "the goods -> refund G, less X for a change of mind, with F for the shop's fault -> "
        "restock the goods, or keep them apart -> not stopped: D-17 once they have arrived",
        final="returned",
        money="N = what is kept of F, and X",
        through="return",
    ),
    14: _row(
        trigger="a carrier refuses the parcel",
        before="fulfilling / captured / committed / refused",
        kind=CaseKind.SELLER_CANCEL,
        actions="try the carrier again, then others -> when none takes it, cancel as in D-7 or D-8",
        final="shipped, or cancelled",
        money="N = total, or N = 0",
    ),
    15: _row(
        trigger="the carrier loses a parcel",
        before="shipped / captured / out / lost",
        kind=CaseKind.LOST,
        actions="write the stock off and claim it from the carrier -> let the customer choose -> "
        "once more: reserve and send the goods; no money moves -> money: refund all that was "
        "paid for them, and F when nothing arrives",
        final="lost; the case says whether reshipped or refunded",
        money="N = total, or N = 0",
        through="loss + replacement",
    ),
    16: _row(
        trigger="a part has shipped and the customer cancels the rest",
        before="partly shipped / captured / committed (the rest) / one on its way, one in the "
        "house",
        kind=CaseKind.CANCEL_PARTIAL,
        actions="ask who ships -> give up what was not captured, or cancel a part of the capture "
        "-> release those units",
        final="shipped",
        money="N = lines that shipped, and F by the shop's policy",
        through="partial",
    ),
    17: _row(
        trigger="the customer sends goods back in time",
        before=_DELIVERED,
        kind=CaseKind.RETURN,
        actions="announce the return and book its way back -> receive and inspect the goods -> "
        "refund G of each accepted line, less X -> restock what is sellable, keep the rest "
        "apart as damaged -> restore coupon and points in proportion",
        final="returned, or unchanged when something is kept",
        money="N = total - accepted + X",
        through="return",
    ),
    18: _row(
        trigger="the customer sends defective or wrong goods back",
        before=_DELIVERED,
        kind=CaseKind.RETURN,
        actions="as D-17; the inspection says whether what the customer claims is so -> at the "
        "shop's expense, refund G, and F when nothing is kept -> keep the goods apart, always -> "
        "restore coupon and points",
        final="returned, or unchanged when something is kept",
        money="N = 0 for those lines",
        through="return",
    ),
    19: _row(
        trigger="returned goods are refused at inspection",
        before="delivered / captured / quarantine / came back",
        kind=CaseKind.RETURN,
        actions="send the goods back to the customer; no money moves -> keep the evidence, ready "
        "for a dispute",
        final="unchanged",
        money="N is unchanged",
        through="return",
    ),
    20: _row(
        trigger="the customer wants other goods instead",
        before=_DELIVERED,
        kind=CaseKind.EXCHANGE,
        actions="reserve the replacement first -> take the goods back and inspect them -> send "
        "the replacement, and refund what it is cheaper -> without stock, D-17",
        final="unchanged",
        money="N = total, less the difference",
        through="exchange + replacement",
    ),
    21: _row(
        trigger="fraud is suspected before shipping, and money is only reserved",
        before=_AUTHORISED,
        kind=CaseKind.FRAUD_CANCEL,
        actions="stop the parcel and block the account -> void the authorisation -> release the "
        "stock; coupon and points stay used",
        final="cancelled",
        money="C = 0",
    ),
    22: _row(
        trigger="fraud is suspected before shipping, and money was taken",
        before=_CAPTURED,
        kind=CaseKind.FRAUD_CANCEL,
        actions="stop the parcel and block the account -> refund in full, as fraudulent -> "
        "release the stock; coupon and points stay used",
        final="cancelled",
        money="R = C",
    ),
    23: _row(
        trigger="fraud is suspected after shipping",
        before=_SHIPPED,
        kind=CaseKind.FRAUD_CANCEL,
        actions="ask the carrier to stop the parcel, hold the money and block the account -> "
        "stopped and received: refund -> otherwise a person decides, with the evidence; of a lost "
        "parcel the customer is asked nothing before",
        final="returned, lost or unchanged",
        money="0 <= N <= total; the case stays open until it is decided",
        through="return + credit + loss",
    ),
    24: _row(
        trigger="the customer's bank disputes the payment",
        before="any / disputed / any / any",
        kind=CaseKind.CHARGEBACK,
        actions="hold every refund of this payment -> not shipped: keep the parcel in the house "
        "-> an inquiry may be closed by a refund",
        final="unchanged",
        money="R + pending + B <= C",
        through="dispute",
    ),
    25: _row(
        trigger="the bank has decided the dispute",
        before="any / disputed / out / any",
        kind=CaseKind.CHARGEBACK,
        actions="lost: book B and refund nothing; cancel what has not shipped -> won: release the "
        "refunds that were held",
        final="unchanged, or cancelled",
        money="N = C - R - B",
        through="dispute + checkout",
    ),
    26: _row(
        trigger="a refund fails, at once or days later",
        before="cancelling or returned / refund failed / any / any",
        kind=None,
        actions="reverse the ledger entry: the money is owed again -> send it again under the "
        "next key, after a definite failure only -> then pay it to an account, which a second "
        "person approves -> never close the order before",
        final="refund due, until it is paid",
        money="what is owed stays owed until it is paid",
        through="owed_refund",
    ),
    27: _row(
        trigger="an operator cancels by force",
        before="any before shipping / any / any / -",
        kind=CaseKind.FORCE,
        actions="as D-1 to D-12, by state -> the customer's policy is skipped, the guards never "
        "are",
        final="cancelled",
        money="as the row of that state",
    ),
    28: _row(
        trigger="an operator gives money back and the goods stay",
        before=_DELIVERED,
        kind=CaseKind.GOODWILL,
        actions="have a second person approve it -> refund the amount; no stock moves",
        final="unchanged",
        money="R <= C - pending - B",
        through="credit",
    ),
    29: _row(
        trigger="an operator marks something unknown or stuck as settled",
        before="any / unknown or stuck / any / any",
        kind=None,
        actions="take the provider's reference as evidence -> write it down as a fact, and who "
        "vouches for it -> ask the provider -> have the reconciler find, after a day, what it has "
        "not said",
        final="as claimed",
        money="ours equals the provider's",
        through="checkout + owed_refund",
    ),
    30: _row(
        trigger="the cancellation of an order that is over is asked for",
        before="cancelled, returned or over / any / any / any",
        kind=None,
        actions="change nothing and return the case that there is",
        final="unchanged",
        money="unchanged",
    ),
}

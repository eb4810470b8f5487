"""Acts are gathered as far as they can happen together, and never in another order per order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shop.replay.acts import Act, Departure, Gift, GoodsBack, MoneyBack, Way
from shop.replay.batches import in_batches

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)


def back(order="1", way=Way.RETURN, at=NOON):
    return GoodsBack(
        at=at,
        note="C1",
        order=order,
        way=way,
        lines=((1, 1),),
        minor=100,
        exact=Decimal(1),
        reduction=0,
    )


def gift(order="1", at=NOON):
    return MoneyBack(
        at=at,
        note="C1",
        order=order,
        gift=Gift.MONEY_ONLY,
        what="D",
        minor=1,
        exact=Decimal("0.01"),
    )


def left(order="1", at=NOON):
    return Departure(at=at, order=order)


def test_the_stages_of_an_order_are_one_batch_as_long_as_they_rise():
    acts = [back(way=Way.CANCEL_PARTIAL), left(), back(), gift()]

    (batch,) = in_batches(acts)

    assert batch.cancels == acts[:1]
    assert batch.departures == acts[1:2]
    assert batch.returns == acts[2:3]
    assert batch.gifts == acts[3:]


def test_two_returns_of_an_order_are_two_batches_and_those_of_two_orders_are_one():
    assert len(list(in_batches([back(), back()]))) == 2
    assert len(list(in_batches([back("1"), back("2")]))) == 1


def test_a_day_in_london_ends_a_batch():
    summer = datetime(2011, 6, 1, 22, 59, tzinfo=UTC)  # a minute before midnight there
    acts = [left("1", summer), left("2", summer + timedelta(minutes=1))]

    first, second = in_batches(acts)

    assert (first.until, second.until) == (acts[0].at, acts[1].at)


def test_a_batch_is_never_larger_than_it_may_be():
    acts = [left(str(n)) for n in range(10)]

    assert [len(batch.acts) for batch in in_batches(acts, size=4)] == [4, 4, 2]
    assert list(in_batches([])) == []


acts = st.builds(
    lambda make, order, minutes: make(order=order, at=NOON + timedelta(minutes=minutes)),
    st.sampled_from([left, back, gift]),
    st.sampled_from("123"),
    st.integers(0, 3000),
)


@given(st.lists(acts))
def test_nothing_is_lost_and_each_order_keeps_its_order(drawn):
    drawn.sort(key=lambda act: act.at)

    batches = list(in_batches(drawn, size=5))

    assert [act for batch in batches for act in batch.acts] == drawn
    for batch in batches:
        staged: list[Act] = [*batch.cancels, *batch.departures, *batch.returns, *batch.gifts]
        for order in "123":
            assert [act for act in staged if act.order == order] == [
                act for act in batch.acts if act.order == order
            ]

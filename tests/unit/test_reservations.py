"""Stock by the engine: tried, confirmed and cancelled (TCC, E1-E8), with every unit in one bucket.

The house adds its books up after every fact, so each of these tests proves I1-I5, too.
"""

from uuid import uuid4

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from inventory import services
from inventory.events import (
    ReservationExpired,
    ReservationOverdue,
    ShortLine,
)
from inventory.models import Reservation, ReservationLine, StockItem
from inventory.services import report_shortage
from orders.events import (
    CaseKind,
    LossOpened,
    OrderCancelled,
    OrderConfirmed,
)
from payments.events import PaymentClosed, PaymentUnderWay
from sagas import clock
from sagas.models import Delivery, StoredEvent
from shipping.events import (
    RestHandedOver,
)
from tests.unit.house import case, case_lines, placed
from tests.unit.stock_house import cancel, cancel_lines, committed, facts, hand_over, house, sent

__all__ = ["committed", "house"]

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
State = Reservation.State


# -- the ways of stock ----------------------------------------------------------------------


def test_an_order_leaves_in_two_parts_and_what_is_cancelled_between_stays(committed):
    hand_over(committed, (1, "CUP", 2))
    assert committed.units("CUP") == {"available": 5, "committed": 3, "out": 2}
    assert committed.state() == State.PARTLY_OUT

    cancel_lines(committed, (1, "CUP", 1), (2, "BAG", 2))
    assert committed.units("BAG") == {"available": 10}

    rest = sent((1, "CUP", 2))
    committed.say(RestHandedOver(order_id=committed.order_id, shipment_id=uuid4(), lines=rest))
    assert committed.units("CUP") == {"available": 6, "out": 4}
    assert committed.state() == State.OUT


def test_the_last_kept_units_are_cancelled_and_the_order_is_out(committed):
    hand_over(committed, (1, "CUP", 5))

    cancel_lines(committed, (2, "BAG", 2))

    assert committed.state() == State.OUT
    assert committed.said()[-1] == "LinesReleased"


def test_a_lost_parcel_is_written_off_and_the_other_is_not(committed):
    hand_over(committed, (1, "CUP", 5))

    committed.say(
        case(LossOpened, committed.order_id, committed.case_id, lines=case_lines((1, "CUP", 5)))
    )

    assert committed.units("CUP") == {"available": 5, "damaged": 5}
    assert committed.units("BAG") == {"available": 8, "committed": 2}


def test_a_loss_that_comes_before_its_parcel_is_booked_out_waits_for_it(committed):
    loss = case(LossOpened, committed.order_id, committed.case_id, lines=case_lines((1, "CUP", 5)))

    committed.say(loss)
    assert committed.units("CUP") == {"available": 5, "committed": 5}

    hand_over(committed, (1, "CUP", 5), (2, "BAG", 2))
    assert committed.units("CUP") == {"available": 5, "damaged": 5}


def test_e7_units_that_nothing_is_kept_of_any_more_are_answered_for_as_often_as_asked(committed):
    hand_over(committed, (1, "CUP", 5))

    cancel_lines(committed, (2, "BAG", 2))
    cancel_lines(committed, (2, "BAG", 2))
    committed.say(OrderConfirmed(order_id=committed.order_id))

    assert committed.said()[-3:] == ["LinesReleased", "LinesReleased", "StockCommitted"]


# -- try, confirm, cancel ---------------------------------------------------------------------


def test_e1_whether_time_is_up_is_said_once_and_only_while_it_is_open(house):
    house.say(placed(house.order_id, ("CUP", 2)))
    paid = house.place(("CUP", 1))
    house.say(OrderConfirmed(order_id=paid))

    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        house.work()
        house.work()

    said = [event.payload["order_id"] for event in facts(ReservationExpired)]
    assert said == [str(house.order_id)]
    assert house.units("CUP") == {"available": 7, "reserved": 2, "committed": 1}


def test_e1_what_is_kept_beyond_its_time_goes_to_whom_it_is_needed_by_before_anybody_tells(house):
    house.say(placed(house.order_id, ("CUP", 10), ("BAG", 1)))
    before = house.place(("CUP", 1), customer="lee")

    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        while_nobody_looks()
        after = house.place(("CUP", 4), customer="lee")

    assert not facts(ReservationExpired).exists()
    assert [house.state(order) for order in (before, after)] == [State.REFUSED, State.RESERVED]
    assert house.units("CUP") == {"available": 6, "reserved": 4}
    assert house.units("BAG") == {"available": 9, "reserved": 1}


def while_nobody_looks():
    """Take away the timers that would tell, as if nobody had got to them yet."""
    Delivery.objects.filter(consumer="inventory", kind="timer").delete()


def test_e1_an_order_that_is_paid_in_time_keeps_its_stock_for_ever(committed):
    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        late = committed.place(("CUP", 6), customer="lee")

    assert committed.state(late) == State.REFUSED
    assert committed.units("CUP") == {"available": 5, "committed": 5}


def test_e1_stock_that_is_kept_once_more_is_not_available_until_then(house):
    house.say(placed(house.order_id, ("CUP", 10)))
    house.say(PaymentUnderWay(order_id=house.order_id))

    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        early = house.place(("CUP", 1), customer="lee")
    with clock.travel(settings.SHOP["RESERVATION_EXTENSION"] + settings.SHOP["RESERVATION_TTL"]):
        late = house.place(("CUP", 1), customer="lee")

    assert [house.state(early), house.state(late)] == [State.REFUSED, State.RESERVED]


def test_e2_an_order_has_one_reservation(committed):
    again = Reservation(holder_id=committed.order_id, order_id=committed.order_id)

    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_e4_stock_is_kept_until_the_session_of_its_payment_is_closed(house):
    house.say(placed(house.order_id, ("CUP", 2)))
    cancel(house)
    assert house.state() == State.RESERVED

    house.say(PaymentClosed(order_id=house.order_id))
    assert house.state() == State.RELEASED
    assert house.units("CUP") == {"available": 10}


def test_e5_stock_is_kept_once_more_and_after_that_somebody_is_told(house):
    house.say(placed(house.order_id, ("CUP", 2)))
    house.say(PaymentUnderWay(order_id=house.order_id))
    house.say(PaymentUnderWay(order_id=house.order_id))
    assert house.said().count("ReservationExtended") == 1

    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        house.work()
    assert not facts(ReservationExpired).exists()
    assert not facts(ReservationOverdue).exists()

    with clock.travel(settings.SHOP["RESERVATION_EXTENSION"]):
        house.work()
    assert facts(ReservationOverdue).count() == 1
    assert house.state() == State.EXTENDED


@pytest.mark.parametrize(("left", "said"), [(2, "StockCommitted"), (1, "CommitRejected")])
def test_e6_a_confirmation_after_the_end_keeps_everything_again_or_nothing(house, left, said):
    house.say(placed(house.order_id, ("CUP", 2)))
    release_by_hand(house.order_id)
    house.place(("CUP", 10 - left), customer="lee")

    house.say(OrderConfirmed(order_id=house.order_id))

    assert house.said()[-1] == said
    assert house.units("CUP").get("committed", 0) == (2 if said == "StockCommitted" else 0)


@pytest.mark.parametrize(("taken", "said"), [(8, "StockCommitted"), (9, "CommitRejected")])
def test_e6_who_pays_after_others_took_some_gets_all_of_it_again_or_nothing(house, taken, said):
    house.say(placed(house.order_id, ("CUP", 2), ("BAG", 1)))

    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        house.place(("CUP", taken), customer="lee")
        house.say(OrderConfirmed(order_id=house.order_id))

        assert house.said()[-1] == said
        committed = 2 if said == "StockCommitted" else 0
        assert house.units("CUP").get("committed", 0) == committed
        assert house.units("BAG").get("committed", 0) == committed // 2


def test_what_had_lapsed_is_released_and_can_be_kept_once_more(house):
    house.say(placed(house.order_id, ("CUP", 10)))
    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        house.place(("CUP", 4), customer="lee")
    cancel(house)

    house.say(PaymentClosed(order_id=house.order_id))

    assert house.state() == State.RELEASED
    assert house.units("CUP") == {"available": 6, "reserved": 4}
    assert not ReservationLine.objects.filter(lapsed__gt=0).exists()


def test_units_that_lapsed_and_are_cancelled_are_not_made_available_twice(house):
    house.say(placed(house.order_id, ("CUP", 10)))
    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        house.place(("CUP", 4), customer="lee")

    cancel_lines(house, (1, "CUP", 3))

    line = ReservationLine.objects.get(reservation__holder_id=house.order_id)
    assert (line.lapsed, line.released, line.kept) == (7, 3, 0)
    assert house.state() == State.RESERVED
    assert house.units("CUP") == {"available": 6, "reserved": 4}


def release_by_hand(order_id):
    """End a reservation as nothing in the shop does while its order is going on."""
    row = Reservation.objects.get(holder_id=order_id)
    for line in row.lines.all():
        line.item.move(line.kept, source=row.bucket, target="available")
        line.item.save()
    row.release()
    row.save()


def test_e7_a_cancel_of_what_was_never_tried_has_an_answer_and_the_late_try_does_nothing(house):
    wish = placed(house.order_id, ("CUP", 2))
    about = case(OrderCancelled, house.order_id, house.case_id)

    house.say(wish, about, PaymentClosed(order_id=house.order_id))

    assert house.said() == ["StockReleased"]
    assert not Reservation.objects.exists()
    assert house.units("CUP") == {"available": 10}


def test_e8_orders_that_come_at_once_do_not_slip_past_the_cap(house):
    settings.SHOP["MAX_OPEN_RESERVATIONS"] = 2
    orders = [uuid4() for _ in range(4)]

    house.say(*(placed(order_id, ("CUP", 1)) for order_id in orders))
    other = house.place(("CUP", 1), customer="lee")

    states = sorted(house.state(order_id) for order_id in orders)
    assert states == ["refused", "refused", "reserved", "reserved"]
    assert house.state(other) == State.RESERVED
    assert house.units("CUP") == {"available": 7, "reserved": 3}


def test_e8_an_order_that_is_paid_makes_room_for_another(house):
    settings.SHOP["MAX_OPEN_RESERVATIONS"] = 1
    house.say(placed(house.order_id, ("CUP", 1)))
    assert house.state(house.place(("CUP", 1))) == State.REFUSED

    house.say(OrderConfirmed(order_id=house.order_id))

    assert house.state(house.place(("CUP", 1))) == State.RESERVED


# -- missing what was kept --------------------------------------------------------------------


def test_what_is_missing_is_booked_as_damaged_and_announced(committed):
    report_shortage(committed.order_id, {"CUP": 2}, reason="broken", actor="warehouse:lee")

    committed.work()
    assert committed.units("CUP") == {"available": 5, "committed": 3, "damaged": 2}
    said = StoredEvent.objects.get(type="inventory.ShortageFound")
    assert (said.actor, said.reason) == ("warehouse:lee", "broken")

    cancel_lines(committed, (1, "CUP", 2), kind=CaseKind.OOS_CANCEL)
    assert committed.units("CUP") == {"available": 5, "committed": 3, "damaged": 2}


def test_the_rest_of_an_order_that_misses_something_is_released_without_it(committed):
    fact = report_shortage(committed.order_id, {"CUP": 5}, reason="gone", actor="lee")
    assert fact.lines == (ShortLine(sku="CUP", quantity=5),)

    cancel(committed)
    committed.say(PaymentClosed(order_id=committed.order_id))

    assert committed.units("CUP") == {"available": 5, "damaged": 5}
    assert committed.units("BAG") == {"available": 10}


@pytest.mark.parametrize(
    ("missed", "code"),
    [({"CUP": 6}, "not_kept"), ({"MUG": 1}, "not_kept"), ({"CUP": 0}, "not_kept"), ({}, "empty")],
)
def test_more_than_is_kept_can_not_be_missed(committed, missed, code):
    with pytest.raises(services.InvalidShortage) as refused:
        report_shortage(committed.order_id, missed, reason="gone", actor="lee")

    assert refused.value.code == code
    committed.adds_up()


def test_nothing_is_missed_of_what_has_left(committed):
    hand_over(committed, (1, "CUP", 5), (2, "BAG", 2))

    with pytest.raises(services.InvalidShortage) as refused:
        report_shortage(committed.order_id, {"CUP": 1}, reason="gone", actor="lee")

    assert refused.value.code == "nothing_kept"


# -- what the database refuses ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "values", "name"),
    [
        (ReservationLine, {"out": 6}, "never_more_than_kept"),
        (ReservationLine, {"out": 2, "released": 2, "short": 2}, "never_more_than_kept"),
        (ReservationLine, {"lapsed": 6}, "never_more_than_kept"),
        (ReservationLine, {"short": -1}, "counts_not_negative"),
        (ReservationLine, {"lost": 1}, "lost_had_left"),
        (ReservationLine, {"quantity": 0}, "quantity_positive"),
        (Reservation, {"state": "reserved", "expires_at": None}, "open_one_expires"),
        (Reservation, {"open_for": "kim", "slot": 0}, "only_an_open_one_has_a_slot"),
        (StockItem, {"committed": -1}, "stock_committed_not_negative"),
    ],
)
def test_the_database_refuses_what_must_never_be(committed, model, values, name):
    wanted = {"item__sku": "CUP"} if model is ReservationLine else {}
    wanted = {"sku": "CUP"} if model is StockItem else wanted

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        model.objects.filter(**wanted).update(**values)


def test_nothing_of_these_tests_leaves_work_behind(committed):
    hand_over(committed, (1, "CUP", 5), (2, "BAG", 2))

    assert not Delivery.objects.filter(consumer="inventory", kind="forward").exists()

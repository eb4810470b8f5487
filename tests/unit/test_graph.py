"""A choreography is a graph: what can happen, what must, and what is too late."""

from io import StringIO
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command

from inventory.events import (
    CommitRejected,
    OutOfStock,
    ReservationExpired,
    StockCommitted,
    StockReserved,
)
from orders.events import (
    CancelRequested,
    OrderCancelled,
    OrderCompleted,
    OrderConfirmed,
    OrderPlaced,
    OrderReady,
    OrderUndone,
    PaymentGivenUp,
    PaymentRetryRequested,
)
from payments.events import (
    CaptureRefused,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentOpened,
    PaymentVoided,
)
from sagas.choreography import CHOREOGRAPHIES, Choreography
from sagas.event import Event
from sagas.graph import Action, ActionKind, Graph, derivable, graph_of
from sagas.graph.proof import (
    after_abort,
    closes_the_road,
    cycles,
    dominators,
    open_aborts,
    unreachable,
)
from sagas.graph.svg import svg
from sagas.graph.text import dot, mermaid
from sagas.participant import PARTICIPANTS
from shipping.events import (
    CancelAccepted,
    CancelRefused,
    CarrierRefused,
    CarriersExhausted,
    ShipmentHandedOver,
    ShipmentLabelled,
)
from tests.unit.declarations import declared

__all__ = ["declared"]


@pytest.fixture
def checkout(declared) -> Graph:
    return graph_of(CHOREOGRAPHIES["checkout"])


class Begun(Event):
    key: UUID


class Asked(Event):
    key: UUID


class Told(Event):
    key: UUID


class Noted(Event):
    key: UUID


class Gone(Event):
    key: UUID


class Turned(Event):
    key: UUID


def action(name: str, needs=(), outcomes=(), **fields) -> Action:
    fields = {"consumer": name, "kind": ActionKind.STEP, **fields}
    return Action(name=name, label=name, needs=needs, outcomes=outcomes, **fields)


@pytest.fixture
def graph_with(monkeypatch):
    """Return a graph of hand-made actions, whose pivot is Gone and whose abort is Turned."""
    monkeypatch.setattr(Choreography, "_register", lambda self: None)
    shape = Choreography(
        "trip",
        key="key",
        starts=Begun,
        pivot=Gone,
        completes=Gone,
        aborts=Turned,
        compensated=Turned,
        deadline=CHOREOGRAPHIES["checkout"].deadline,
    )
    return lambda *actions: Graph(choreography=shape, actions=actions)


# -- what can happen -------------------------------------------------------------------------------


def test_everything_in_the_shop_can_happen(checkout):
    assert unreachable(checkout) == frozenset()


def test_a_join_needs_all_of_its_events(checkout):
    (collect,) = [a for a in checkout.actions if a.name == "orders.collect"]

    assert collect.joins
    assert OrderReady not in derivable([collect], [PaymentCaptured])
    assert OrderReady in derivable([collect], [PaymentCaptured, StockCommitted])


def test_a_step_with_several_events_that_always_answers_needs_one(checkout):
    (authorise,) = [a for a in checkout.actions if a.name == "payments.authorise"]

    assert PaymentAuthorised in derivable([authorise], [PaymentRetryRequested])


def answer_late(event) -> CancelRefused:
    raise AssertionError(event)


def test_the_graph_knows_timers_doors_and_late_answers(declared):
    late = PARTICIPANTS["shipping"].late()(answer_late)
    declared.answer("shipping.book_label", "delivered", late)

    kinds = {a.name: a.kind for a in graph_of(CHOREOGRAPHIES["checkout"]).actions}

    assert kinds["inventory:reservation.state.reserved"] is ActionKind.TIMER
    assert kinds["orders:deadline"] is ActionKind.TIMER
    assert kinds["shipping:ShipmentHandedOver"] is ActionKind.DOOR
    assert kinds["shipping.book_label:answer_late"] is ActionKind.LATE


def test_the_exhausted_fact_is_an_outcome_of_its_step(checkout):
    (offer,) = [a for a in checkout.actions if a.name == "orders.offer_retry"]

    assert offer.outcomes == ((PaymentRetryRequested,), (PaymentGivenUp,))


def test_the_way_back_ends_undone_and_never_goes_forward(checkout):
    known = after_abort(checkout, OrderCancelled)

    assert {OrderUndone, PaymentVoided} <= known
    assert known.isdisjoint({OrderConfirmed, ShipmentHandedOver, OrderCompleted})


# -- what must happen before the pivot -------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        OrderPlaced,
        StockReserved,
        OrderConfirmed,
        PaymentCaptured,
        StockCommitted,
        OrderReady,
        ShipmentLabelled,
        ShipmentHandedOver,
    ],
)
def test_the_parcel_leaves_only_after(checkout, event):
    assert event in dominators(checkout)


@pytest.mark.parametrize(
    "event",
    [
        PaymentAuthorised,  # a customer may have paid by a transfer
        PaymentRetryRequested,
        PaymentDeclined,
        OutOfStock,
        PaymentOpened,
        CancelRequested,
    ],
)
def test_the_parcel_may_leave_without(checkout, event):
    assert event not in dominators(checkout)


def test_a_choreography_without_a_pivot_has_no_dominators(declared):
    assert dominators(graph_of(CHOREOGRAPHIES["return"])) == frozenset()


# -- what closes the road --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event", [OutOfStock, CommitRejected, CaptureRefused, CarriersExhausted, CancelAccepted]
)
def test_the_road_is_closed_after(checkout, event):
    assert closes_the_road(checkout, event)


@pytest.mark.parametrize(
    "event",
    [
        CancelRequested,
        ReservationExpired,
        PaymentDeclined,
        PaymentGivenUp,  # what the cards said last may not be what the bank has done (R29)
        PaymentRetryRequested,
        PaymentOpened,
        StockReserved,
        StockCommitted,
        CarrierRefused,
        ShipmentLabelled,
        OrderPlaced,
    ],
)
def test_the_road_is_open_after(checkout, event):
    assert not closes_the_road(checkout, event)


def test_the_shop_turns_back_only_when_the_road_is_closed(checkout):
    assert open_aborts(checkout) == ()


def test_a_refusal_by_somebody_else_than_the_pivot_s_owner_does_not_close_the_road(graph_with):
    graph = graph_with(
        action("sales", needs=(Begun,), outcomes=((Asked,), (Told,))),
        action("porter", needs=(Begun,), outcomes=((Gone,),)),
        action("clerk", needs=(Told,), outcomes=((Turned,),)),
    )

    assert not closes_the_road(graph, Told)
    assert open_aborts(graph) == ((graph.actions[2], Told),)


def test_the_pivot_s_owner_closes_the_road_by_answering(graph_with):
    graph = graph_with(
        action("porter", needs=(Begun,), outcomes=((Gone,),)),
        action("porter.answer", needs=(Asked,), outcomes=((Told,),), consumer="porter"),
        action("door", outcomes=((Asked,),), kind=ActionKind.DOOR),
    )

    assert closes_the_road(graph, Told)
    assert not closes_the_road(graph, Asked)


def test_a_fact_said_together_with_one_that_leads_on_closes_nothing(graph_with):
    graph = graph_with(
        action("sales", needs=(Begun,), outcomes=((Asked,), (Asked, Told))),
        action("porter", needs=(Asked,), outcomes=((Gone,),)),
    )

    assert not closes_the_road(graph, Told)


def test_a_fact_instead_of_a_needed_one_closes_the_road(graph_with):
    graph = graph_with(
        action("sales", needs=(Begun,), outcomes=((Asked,), (Told,))),
        action("porter", needs=(Asked,), outcomes=((Gone,),)),
    )

    assert closes_the_road(graph, Told)


def test_a_consequence_of_a_fact_that_also_leads_on_closes_nothing(graph_with):
    graph = graph_with(
        action("sales", needs=(Begun,), outcomes=((Asked,), (Told,))),
        action("porter", needs=(Asked,), outcomes=((Gone,),)),
        action("clerk", needs=(Told,), outcomes=((Noted,),)),
        action("friend", needs=(Told,), outcomes=((Asked,),)),
    )

    assert not closes_the_road(graph, Noted)


def test_a_consequence_of_an_unrelated_fact_closes_nothing(graph_with):
    graph = graph_with(
        action("porter", needs=(Begun,), outcomes=((Gone,),)),
        action("visitor", outcomes=((Asked,),), kind=ActionKind.DOOR),
        action("clerk", needs=(Asked,), outcomes=((Noted,),)),
    )

    assert not closes_the_road(graph, Noted)


def test_nothing_goes_forward_after_an_abort(graph_with):
    graph = graph_with(
        action("sales", needs=(Begun, Turned), outcomes=((Asked,), (Told,))),
        action("porter", needs=(Asked,), outcomes=((Gone,),)),
        action("clerk", needs=(Told,), outcomes=((Turned,),)),
    )

    assert closes_the_road(graph, Told)


def test_a_fact_that_is_followed_by_another_try_closes_nothing(graph_with):
    graph = graph_with(
        action("sales", needs=(Begun, Told), outcomes=((Asked,), (Told,))),
        action("porter", needs=(Asked,), outcomes=((Gone,),)),
    )

    assert not closes_the_road(graph, Told)


# -- cycles ---------------------------------------------------------------------------------------


def test_a_bounded_cycle_is_no_cycle(checkout):
    assert cycles(checkout) == ()


def test_an_unbounded_cycle_is_found_once_with_its_way(graph_with):
    graph = graph_with(
        action("a", needs=(Begun, Told), outcomes=((Asked,),)),
        action("b", needs=(Asked,), outcomes=((Told,),)),
    )

    assert cycles(graph) == (("a", "b"),)


# -- drawings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHOREOGRAPHIES)
@pytest.mark.parametrize("draw", [mermaid, dot, svg])
def test_a_drawing_names_every_event(declared, name, draw):
    graph = graph_of(CHOREOGRAPHIES[name])

    drawing = draw(graph)

    unnamed = [
        e.__name__ for e in graph.events if graph.announcing(e) and e.__name__ not in drawing
    ]
    assert unnamed == []


def test_an_svg_is_well_formed_and_holds_no_inline_style(checkout):
    root = ET.fromstring(svg(checkout))

    assert root.tag.endswith("svg")
    assert [element for element in root.iter() if "style" in element.attrib] == []


def test_an_svg_has_no_two_boxes_in_the_same_place(checkout):
    boxes = [e for e in ET.fromstring(svg(checkout)).iter() if "box" in e.get("class", "").split()]
    places = {(e.get("x"), e.get("y")) for e in boxes}

    assert len(places) == len(boxes) == len(checkout.actions)


def test_a_drawing_is_the_same_every_time(checkout):
    assert mermaid(checkout) == mermaid(graph_of(CHOREOGRAPHIES["checkout"]))


# -- the command ----------------------------------------------------------------------------------


def drawn(*arguments: str) -> str:
    out = StringIO()
    call_command("saga_graph", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_name_every_choreography_is_drawn(declared):
    assert drawn().count("flowchart TD") == len(CHOREOGRAPHIES)


def test_an_unknown_choreography_is_refused_naming_those_that_exist(declared):
    with pytest.raises(CommandError, match="checkout, credit, dispute"):
        drawn("checkin")


def test_one_svg_of_all_choreographies_is_refused(declared):
    with pytest.raises(CommandError, match="name one"):
        drawn("--format", "svg")


def test_a_drawing_that_is_up_to_date_passes(declared, tmp_path):
    file = tmp_path / "checkout.mmd"
    file.write_text(drawn("checkout"), encoding="utf-8")

    assert drawn("checkout", "--check", str(file)) == ""


@pytest.mark.parametrize("text", [None, "flowchart TD\n"])
def test_a_drawing_that_is_missing_or_old_fails(declared, tmp_path, text):
    file = tmp_path / "checkout.mmd"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    with pytest.raises(CommandError, match="saga_graph"):
        drawn("checkout", "--check", str(file))

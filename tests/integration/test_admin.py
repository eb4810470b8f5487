import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from orders.services import request_cancel, request_return
from sagas.dead_letter import record_failure
from sagas.exceptions import PermanentFailure
from sagas.models import (
    Breaker,
    Case,
    Delivery,
    DeliveryState,
    Intent,
    Pause,
    Saga,
    Slot,
    StoredEvent,
)
from sagas.pause import pause
from tests.world import World, reload

pytestmark = pytest.mark.both_databases

MODELS = (Saga, StoredEvent, Delivery, Case, Intent, Pause, Slot, Breaker)


def page_of(row, verb="change"):
    return reverse(f"admin:sagas_{row._meta.model_name}_{verb}", args=[row.pk])


def list_of(model):
    return reverse(f"admin:sagas_{model._meta.model_name}_changelist")


@pytest.fixture
def world(db, outside, settings):
    """The shop inside one transaction: what is looked at here needs no commit, and is fast."""
    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": "sagas.transport.InProcessTransport"}
    shop = World(*outside)
    shop.stock(MUG=100)
    yield shop
    shop.back_to_now()
    shop.worker.close()


@pytest.fixture
def dead(world):
    saga = world.saga(world.place(number="A-17"))
    row = Delivery.objects.filter(saga_id=saga.id, consumer="inventory", rank=1).get()
    record_failure(row, PermanentFailure("the shelf is gone"), using="default")
    return Delivery.objects.get(id=row.id)


@pytest.fixture
def admin_user(db, django_user_model):
    """Without a password: hashing one is most of a test's time."""
    return django_user_model.objects.create_superuser("admin")


@pytest.fixture
def clerk(world, django_user_model, client):
    """A member of staff who may look at everything and do nothing."""
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="sagas", codename__startswith="view_")
    )
    client.force_login(user)
    return user


def permit(user, codename):
    user.user_permissions.add(Permission.objects.get(codename=codename))


# -- looking


@pytest.mark.parametrize("model", MODELS)
def test_every_list_is_shown(world, admin_client, model):
    order = world.place()
    world.drain()
    world.deliver(order)

    answer = admin_client.get(list_of(model))

    assert answer.status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_changed_or_deleted(dead, admin_client, model):
    pause("payments", actor="test", reason="why not")
    Slot.objects.create(worker="host:1", seen_at=dead.created_at)
    Breaker.objects.create(name="payments.provider")
    Intent.objects.create(
        saga_id=dead.saga_id, event_id=dead.event_id, step="payments.capture", n=1,
        idempotency_key=dead.id, started_at=dead.created_at,
    )  # fmt: skip
    row = model.objects.first()

    assert admin_client.get(page_of(row)).status_code == 200
    assert admin_client.post(page_of(row), {"status": "completed"}).status_code == 403
    assert admin_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", [model for model in MODELS if model is not Pause])
def test_nothing_can_be_added(db, admin_client, model):
    assert admin_client.get(reverse(f"admin:sagas_{model._meta.model_name}_add")).status_code == 403


def test_a_sagas_page_is_its_timeline(world, admin_client):
    order = world.place(number="A-17")
    world.drain()
    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()

    said = admin_client.get(page_of(world.saga(order))).content.decode()

    for part in ("A-17", "Order placed", "changed my mind", "customer:kim", "Calls to the outside"):
        assert part in said
    assert "<script>" not in said
    assert "style=" not in said


def test_a_sagas_page_shows_the_error_of_a_dead_delivery_and_what_to_do(dead, admin_client):
    said = admin_client.get(page_of(Saga.objects.get(id=dead.saga_id))).content.decode()

    assert "<details>" in said
    assert "the shelf is gone" in said
    assert page_of(dead, "retry") in said
    assert page_of(dead, "edit") in said


def test_a_sagas_page_leads_to_its_return(world, admin_client):
    order = world.place()
    world.drain()
    world.deliver(order)
    request_return(reload(order), lines=[(1, 1)], reason="too blue", actor="customer:kim")

    said = admin_client.get(page_of(world.saga(order))).content.decode()

    assert page_of(Saga.objects.get(choreography="return")) in said


def test_a_sagas_page_costs_a_constant_number_of_queries(
    world, admin_client, django_assert_max_num_queries
):
    order = world.place()
    world.drain()
    world.deliver(order)

    with django_assert_max_num_queries(19):
        admin_client.get(page_of(world.saga(order)))


@pytest.mark.parametrize("model", MODELS)
def test_a_list_costs_the_same_however_many_rows(
    world, admin_client, django_assert_max_num_queries, model
):
    for _ in range(3):
        world.place()

    with django_assert_max_num_queries(10):
        admin_client.get(list_of(model))


@pytest.mark.parametrize("name", ["id", "key", "number"])
def test_a_saga_is_searched_by_id_key_or_order_number(world, admin_client, name):
    saga = world.saga(world.place(number="A-17"))
    world.place(number="A-18")
    text = {"id": str(saga.id), "key": saga.key, "number": "A-17"}[name]

    said = admin_client.get(list_of(Saga), {"q": text}).content.decode()

    assert "A-17<" in said
    assert "A-18<" not in said


def test_sagas_that_need_a_person_can_be_picked_out(dead, world, admin_client):
    well = world.saga(world.place())

    said = admin_client.get(list_of(Saga), {"needs_a_person": "yes"}).content.decode()

    assert str(dead.saga_id) in said
    assert str(well.id) not in said


@pytest.mark.parametrize("text", ["7", "no-such-thing", "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("model", MODELS)
def test_a_search_for_nonsense_finds_nothing(db, admin_client, model, text):
    assert admin_client.get(list_of(model), {"q": text}).status_code == 200


# -- acting


def test_a_bulk_retry_asks_why_before_it_acts(dead, admin_client):
    asked = admin_client.post(
        list_of(Delivery), {"action": "retry", "_selected_action": [dead.pk]}
    ).content.decode()

    assert "Reason" in asked
    assert Delivery.objects.get(id=dead.id).state == DeliveryState.DEAD


def test_a_bulk_retry_is_done_with_its_reason_and_logged_twice(dead, admin_client):
    admin_client.post(
        list_of(Delivery),
        {
            "action": "retry",
            "_selected_action": [dead.pk],
            "confirmed": "1",
            "reason": "the shelf is back",
        },
    )

    assert Delivery.objects.get(id=dead.id).state == DeliveryState.READY
    told = StoredEvent.objects.get(type="sagas.DeliveryRetried")
    assert (told.actor, told.reason) == ("admin:admin", "the shelf is back")
    assert "the shelf is back" in LogEntry.objects.get().change_message


def test_every_row_of_the_list_can_be_retried_across_pages(dead, admin_client):
    admin_client.post(
        list_of(Delivery),
        {
            "action": "retry",
            "_selected_action": ["00000000-0000-0000-0000-000000000000"],
            "select_across": "1",
            "confirmed": "1",
            "reason": "the shelf is back",
        },
    )

    assert Delivery.objects.get(id=dead.id).state == DeliveryState.READY


def test_an_empty_reason_changes_nothing(dead, admin_client):
    answer = admin_client.post(page_of(dead, "skip"), {"confirmed": "1", "reason": "  "})

    assert answer.status_code == 200
    assert Delivery.objects.get(id=dead.id).state == DeliveryState.DEAD


def test_a_skip_from_the_page_deletes_the_delivery_and_is_logged(dead, admin_client):
    admin_client.post(page_of(dead, "skip"), {"confirmed": "1", "reason": "sold out"})

    assert not Delivery.objects.filter(id=dead.id).exists()
    assert StoredEvent.objects.get(type="sagas.DeliverySkipped").actor == "admin:admin"
    assert LogEntry.objects.get().object_id == str(dead.pk)


def test_acting_twice_does_no_harm(dead, admin_client):
    for _ in range(2):
        admin_client.post(page_of(dead, "retry"), {"confirmed": "1", "reason": "the shelf is back"})

    assert StoredEvent.objects.filter(type="sagas.DeliveryRetried").count() == 1
    assert LogEntry.objects.count() == 1


def test_an_edited_payload_is_on_its_way_to_its_consumer(dead, admin_client):
    payload = {**dead.event.payload, "customer": "lee"}

    answer = admin_client.post(
        page_of(dead, "edit"), {"payload": json.dumps(payload), "reason": "a typing error"}
    )

    assert answer.status_code == 302
    assert StoredEvent.objects.get(replaces=dead.event_id).payload["customer"] == "lee"
    assert "a typing error" in LogEntry.objects.get().change_message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"total": {"minor": 1, "currency": "GBP"}}, "money"),
        ({"lines": "none"}, "does not fit"),
        ({"shoes": 2}, "no field"),
        ({}, "Nothing was changed"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_on_the_form(dead, admin_client, change, said):
    payload = {**dead.event.payload, **change}

    answer = admin_client.post(
        page_of(dead, "edit"), {"payload": json.dumps(payload), "reason": "a typing error"}
    )

    assert said in answer.content.decode()
    assert Delivery.objects.get(id=dead.id).state == DeliveryState.DEAD


@pytest.mark.parametrize("payload", ["[]", "{", ""])
def test_a_payload_that_is_no_object_is_refused(dead, admin_client, payload):
    answer = admin_client.post(page_of(dead, "edit"), {"payload": payload, "reason": "why not"})

    assert answer.status_code == 200
    assert Delivery.objects.get(id=dead.id).state == DeliveryState.DEAD


def test_an_edit_does_not_lose_fields(dead, admin_client):
    payload = {name: v for name, v in dead.event.payload.items() if name != "customer"}

    answer = admin_client.post(
        page_of(dead, "edit"), {"payload": json.dumps(payload), "reason": "why not"}
    )

    assert "Missing: customer" in answer.content.decode()


def test_what_is_not_dead_can_not_be_edited(world, admin_client):
    saga = world.saga(world.place())
    row = Delivery.objects.filter(saga_id=saga.id).first()

    assert admin_client.get(page_of(row, "edit")).status_code == 404


def test_a_case_is_closed_with_a_note(world, admin_client):
    saga = world.saga(world.place())
    case = Case.objects.create(kind="held", saga_id=saga.id, opened_at=saga.started_at)

    admin_client.post(page_of(case, "close"), {"confirmed": "1", "reason": "called the customer"})

    case.refresh_from_db()
    assert (case.closed_by, case.note) == ("admin:admin", "called the customer")
    assert StoredEvent.objects.filter(type="sagas.CaseClosed").count() == 1


def test_the_case_of_a_dead_delivery_stays_open(dead, admin_client):
    case = Case.objects.get(delivery_id=dead.id)

    answer = admin_client.post(
        page_of(case, "close"), {"confirmed": "1", "reason": "go away"}, follow=True
    )

    assert "still dead" in answer.content.decode()
    assert Case.objects.get().closed_at is None


def test_pausing_and_resuming_are_facts(db, admin_client):
    add = reverse("admin:sagas_pause_add")
    assert "payments.capture" in admin_client.get(add).content.decode()
    admin_client.post(add, {"name": "payments", "reason": "the provider asks for it"})
    paused = Pause.objects.get()

    admin_client.post(page_of(paused, "resume"), {"confirmed": "1", "reason": "all well"})

    assert (paused.actor, paused.reason) == ("admin:admin", "the provider asks for it")
    assert not Pause.objects.exists()
    facts = StoredEvent.objects.filter(type__in=["sagas.Paused", "sagas.Resumed"])
    assert [fact.actor for fact in facts] == ["admin:admin"] * 2
    assert LogEntry.objects.count() == 2


def test_cancelling_from_the_order_list_is_a_wish_with_a_reason(world, admin_client):
    order = world.place()
    world.drain()

    admin_client.post(
        reverse("admin:orders_order_changelist"),
        {
            "action": "cancel_orders",
            "_selected_action": [order.pk],
            "confirmed": "1",
            "reason": "the customer has called",
        },
    )
    world.drain()

    assert reload(order).state == "cancelled"
    wish = StoredEvent.objects.get(type="orders.CancelRequested")
    assert (wish.actor, wish.reason) == ("admin:admin", "the customer has called")
    assert "the customer has called" in LogEntry.objects.get().change_message


def test_an_order_leads_to_its_timeline(world, admin_client):
    order = world.place()

    said = admin_client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert f"{list_of(Saga)}?q={order.pk}" in said


# -- permissions


@pytest.mark.parametrize(
    ("verb", "codename"),
    [("retry", "retry_delivery"), ("skip", "skip_delivery"), ("edit", "edit_delivery")],
)
def test_acting_on_the_dead_needs_its_own_permission(dead, clerk, client, verb, codename):
    assert client.get(page_of(dead, verb)).status_code == 403

    permit(clerk, codename)

    assert client.get(page_of(dead, verb)).status_code == 200


def test_a_bulk_action_is_not_there_for_whom_it_is_not_permitted(dead, clerk, client):
    client.post(
        list_of(Delivery),
        {"action": "retry", "_selected_action": [dead.pk], "confirmed": "1", "reason": "please"},
    )

    assert Delivery.objects.get(id=dead.id).state == DeliveryState.DEAD


def test_a_clerk_sees_the_timeline_without_buttons(dead, clerk, client):
    said = client.get(page_of(Saga.objects.get(id=dead.saga_id))).content.decode()

    assert "the shelf is gone" in said
    assert page_of(dead, "retry") not in said


def test_pausing_needs_its_permission(clerk, client):
    add = reverse("admin:sagas_pause_add")
    assert client.get(add).status_code == 403

    permit(clerk, "pause")

    assert client.get(add).status_code == 200


def test_closing_a_case_needs_its_permission(world, clerk, client):
    saga = world.saga(world.place())
    case = Case.objects.create(kind="held", saga_id=saga.id, opened_at=saga.started_at)
    assert client.get(page_of(case, "close")).status_code == 403

    permit(clerk, "close_case")

    assert client.get(page_of(case, "close")).status_code == 200

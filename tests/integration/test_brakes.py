"""Brakes at work: against two workers at once, and through the doors by which they are let go."""

import io
import json
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from inventory.models import StockItem
from orders.events import OrderPlaced
from sagas.brake import Brake
from sagas.models import Breaker, BreakerState, Delivery, DeliveryState, Pause, Saga, StoredEvent
from sagas.money import Money
from sagas.participant import by
from sagas.worker import Worker
from tests.scenarios.lines import GATEWAY, Line

BRAKE = "weather.forecast"
ITEMS = {"items": by(StockItem, "sku", "lines.sku")}
WHY = ("--actor", "shell:lee", "--reason", "the list is right")


@pytest.fixture
def cap(settings):
    """Set how many calls an hour go out."""

    def set_cap(count):
        minute = timedelta(minutes=1)
        brakes = {BRAKE: Brake(per_hour_count=count)}
        settings.SAGAS = {**settings.SAGAS, "BATCH_TIME": minute, "BRAKES": brakes}

    return set_cap


def pounds(request):
    return Money(request["minor"], "GBP")


def declare(guest, amount=pounds):
    """Have every order that is placed call outside, under the brake."""
    line = Line()

    @guest.on(
        OrderPlaced, saga="checkout", reads=ITEMS, calls=line.call(amount=amount, brake=BRAKE)
    )
    def ask(event, outcome) -> None: ...

    return line


@pytest.fixture
def braked(world, guest, host, cap):
    """Return the delivery of an order of kim's whose call is braked."""
    cap(0)
    declare(guest)
    world.place(number="A-17")
    host.drain()
    return Delivery.objects.get(state=DeliveryState.BRAKED)


# -- two workers ----------------------------------------------------------------------------------


def test_two_workers_at_once_let_out_no_more_than_the_cap_allows(world, guest, cap):
    both = threading.Barrier(2, timeout=30)
    begun: set[int] = set()
    taken = []

    def pay(request):
        if threading.get_ident() not in begun:
            begun.add(threading.get_ident())
            both.wait()
        return pounds(request)

    def work(heads):
        worker = Worker({guest.name})
        taken.append(worker._take(heads, alone=False))
        worker.close()
        connection.close()

    cap(3)
    declare(guest, pay)
    for _ in range(8):
        world.place()
    rows = list(Delivery.objects.filter(consumer=guest.name).order_by("id"))
    workers = [threading.Thread(target=work, args=(half,)) for half in (rows[:4], rows[4:])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(len(batch.members) for batch in taken) == [4, 4]
    assert sum(len(batch.plan.leases) for batch in taken) == 3
    assert Delivery.objects.filter(state=DeliveryState.BRAKED).count() == 5


# -- the admin ------------------------------------------------------------------------------------


@pytest.fixture
def lee(django_user_model, client):
    """Return a member of staff who may look at everything, logged in."""
    user = django_user_model.objects.create_user("lee", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="sagas", codename__startswith="view_")
    )
    client.force_login(user)
    return user


def permit(user, codename):
    user.user_permissions.add(Permission.objects.get(codename=codename))


def page_of(row, verb="change"):
    return reverse(f"admin:sagas_{row._meta.model_name}_{verb}", args=[row.pk])


def test_a_call_is_approved_from_the_page_of_its_saga(braked, lee, client):
    saga = page_of(Saga.objects.get(id=braked.saga_id))
    approve = page_of(braked, "approve")
    assert approve not in client.get(saga).content.decode()
    assert client.get(approve).status_code == 403

    permit(lee, "approve_call")
    said = client.get(saga).content.decode()
    client.post(approve, {"confirmed": "1", "reason": "the list is right"})

    assert approve in said
    assert "1.00 GBP" in said
    fact = StoredEvent.objects.get(type="sagas.CallApproved")
    assert (fact.actor, fact.reason) == ("admin:lee", "the list is right")
    braked.refresh_from_db()
    assert braked.state == DeliveryState.READY


def test_the_admin_says_that_a_second_person_is_needed(braked, client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("kim"))

    answer = client.post(
        page_of(braked, "approve"), {"confirmed": "1", "reason": "mine"}, follow=True
    )

    assert "somebody else has to approve it" in answer.content.decode()
    braked.refresh_from_db()
    assert braked.state == DeliveryState.BRAKED


def test_a_breaker_is_listed_and_its_gateway_can_be_paused(world, guest, client, django_user_model):
    declare(guest)
    Breaker.objects.create(name=GATEWAY, failures=2)
    client.force_login(django_user_model.objects.create_superuser("lee"))

    listed = client.get(reverse("admin:sagas_breaker_changelist")).content.decode()
    client.post(
        reverse("admin:sagas_pause_add"), {"name": f"gateway:{GATEWAY}", "reason": "it is slow"}
    )

    assert GATEWAY in listed
    assert str(BreakerState.CLOSED.label) in listed
    assert Pause.objects.get().name == f"gateway:{GATEWAY}"


# -- the API --------------------------------------------------------------------------------------


def post(client, row, verb="approve"):
    return client.post(
        f"/api/deliveries/{row.pk}/{verb}/",
        json.dumps({"reason": "the list is right"}),
        content_type="application/json",
    )


def test_a_call_is_approved_through_the_api_and_a_second_time_without_harm(braked, lee, client):
    assert post(client, braked).status_code == 403
    permit(lee, "approve_call")

    answers = [post(client, braked).json() for _ in range(2)]

    assert answers == [{"changed": True}, {"changed": False}]
    assert StoredEvent.objects.get(type="sagas.CallApproved").actor == "admin:lee"


def test_the_api_says_that_a_second_person_is_needed(braked, client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("kim"))

    answer = post(client, braked)

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:problem-type:sagas:second-person-needed"
    assert "somebody else has to approve it" in answer.json()["detail"]


# -- the terminal ---------------------------------------------------------------------------------


def run(name, *arguments):
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_braked_calls_are_listed_with_what_they_move(braked):
    said = run("saga_approve")

    assert f"{braked.id}  1.00 GBP" in said
    assert "per_hour_count=0" in said
    assert "1 braked" in said


def test_a_call_is_approved_in_the_terminal_and_a_second_time_without_harm(braked, host):
    first, second = (run("saga_approve", str(braked.id), *WHY) for _ in range(2))
    host.drain()

    assert (first, second) == ("1 of 1 approved.\n", "0 of 1 approved.\n")
    assert run("saga_approve", str(braked.id), *WHY) == "0 of 1 approved.\n"
    assert StoredEvent.objects.get(type="sagas.CallApproved").reason == "the list is right"


@pytest.mark.parametrize(
    ("told", "said"),
    [((), "Say why"), (("--actor", "shell:kim", "--reason", "mine"), "somebody else")],
)
def test_an_approval_in_the_terminal_needs_a_reason_and_a_second_person(braked, told, said):
    with pytest.raises(CommandError, match=said):
        run("saga_approve", str(braked.id), *told)


def test_a_braked_call_is_skipped_in_the_terminal_by_its_id_only(braked):
    with pytest.raises(CommandError, match="Nothing of that is dead"):
        run("saga_dead", "skip", "--all", *WHY)

    assert run("saga_dead", "skip", str(braked.id), *WHY) == "1 done\n"
    assert not Delivery.objects.filter(id=braked.id).exists()

"""The API's promises to other programs: what it takes, what it refuses and how it says so."""

import json
import threading
from base64 import b64encode
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from rest_framework.settings import api_settings

from inventory.models import StockItem
from orders.models import Case, Order, SoldLine
from sagas import clock
from sagas.models import Case as SagaCase
from sagas.models import (
    Delivery,
    DeliveryState,
    IdempotentRequest,
    Saga,
    SagaStatus,
    StoredEvent,
)

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ADDRESS = {
    "name": "Ada",
    "street": "1 High Street",
    "city": "London",
    "postcode": "N1",
    "country": "United Kingdom",
}


def client_of(username, *permissions, **flags):
    user = User.objects.create_user(username, **flags)
    for permission in permissions:
        label, codename = permission.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=label, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def shop():
    """A storefront: it places orders for customers."""
    StockItem.objects.create(sku="MUG", available=1000)
    return client_of("storefront", "orders.add_order", "orders.view_order")


@pytest.fixture
def customer():
    return client_of("ada")


@pytest.fixture
def operator():
    return client_of("kim", "sagas.view_saga", is_staff=True)


def line(quantity=2, minor=250, currency="GBP", sku="MUG"):
    price = {"minor": minor, "currency": currency}
    return {"sku": sku, "quantity": quantity, "unit_price": price}


def an_order(*lines, **changes):
    body = {
        "customer": "ada",
        "currency": "GBP",
        "lines": list(lines) or [line()],
        "ship_to": ADDRESS,
        "payment_tokens": ["tok_visa"],
    }
    return {**body, **changes}


def place(client, body=None, *, key="k-1", **headers):
    names = {"Idempotency-Key": key, **headers} if key is not None else headers
    data = body if isinstance(body, bytes | str) else json.dumps(body or an_order())
    return client.post("/api/orders/", data, content_type="application/json", headers=names)


def post(client, path, body, **headers):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def problem(response, status, code=None):
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["instance"].startswith("/api/")
    assert body["detail"]
    assert body["title"]
    if code:
        assert body["type"] == f"urn:problem-type:sagas:{code}"
    return body


def pointers(response, status=422, code="invalid"):
    errors = problem(response, status, code)["errors"]
    assert all(error["detail"] for error in errors)
    return {(error["pointer"], error["code"]) for error in errors}


def an_old_order(*, customer="ada", quantity=3, number="S-OLD"):
    """A completed order, delivered just now."""
    now = clock.now()
    order = Order(
        number=number,
        customer=customer,
        goods_minor=quantity * 250,
        total_minor=quantity * 250,
        currency="GBP",
        ship_to=ADDRESS,
        pay_by="card",
        state=Order.State.COMPLETED,
        is_captured=True,
        is_committed=True,
        is_booked_out=True,
        placed_at=now,
        paid_at=now,
        delivered_at=now,
    )
    order.save(force_insert=True)
    SoldLine.objects.create(
        order=order,
        line_no=1,
        sku="MUG",
        quantity=quantity,
        unit_price_minor=250,
        paid_minor=quantity * 250,
        shipped=quantity,
    )
    return order


# -- placing an order -----------------------------------------------------------------------


def test_an_order_is_taken_on_and_says_where_to_follow_it(shop):
    response = place(shop)

    assert response.status_code == 202
    order = Order.objects.get()
    assert response.json() == {
        "number": order.number,
        "status": "placed",
        "url": f"/api/orders/{order.number}/",
    }
    assert response.headers["Location"] == response.json()["url"]
    assert (order.customer, order.total_minor, order.currency) == ("ada", 500, "GBP")
    assert Saga.objects.get(key=str(order.pk)).choreography == "checkout"


def test_who_may_not_state_prices_can_not_place_an_order(customer):
    problem(place(customer), 403)
    assert not Order.objects.exists()


def test_who_is_not_known_is_asked_who_they_are(client):
    response = place(client)

    problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_programs_can_say_who_they_are_with_a_password(shop, client):
    storefront = User.objects.get(username="storefront")
    storefront.set_password("secret")
    storefront.save()
    pair = b64encode(b"storefront:secret").decode()

    assert place(client, Authorization=f"Basic {pair}").status_code == 202


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lines": []}, ("#/lines", "empty")),
        ({"lines": [line(quantity=0)]}, ("#/lines/0/quantity", "min_value")),
        ({"lines": [line(), line(quantity=-3)]}, ("#/lines/1/quantity", "min_value")),
        ({"lines": [line(quantity=10**6 + 1)]}, ("#/lines/0/quantity", "max_value")),
        ({"lines": [line(quantity=10**30)]}, ("#/lines/0/quantity", "max_value")),
        ({"lines": [line(quantity=1.5)]}, ("#/lines/0/quantity", "invalid")),
        ({"lines": [line(quantity=True)]}, ("#/lines/0/quantity", "invalid")),
        ({"lines": [line(minor=-1)]}, ("#/lines/0/unit_price/minor", "min_value")),
        ({"lines": [line(minor=0)]}, ("#/lines", "bad_total")),
        ({"lines": [line(quantity=10**6, minor=10**15)]}, ("#/lines", "bad_total")),
        (
            {"lines": [line(), line(currency="EUR")]},
            ("#/lines/1/unit_price/currency", "currency_mismatch"),
        ),
        ({"lines": [line(), line(sku="NOPE")]}, ("#/lines/1/sku", "unknown_sku")),
        ({"lines": [line(sku="MUG\x00")]}, ("#/lines/0/sku", "null_characters_not_allowed")),
        ({"lines": [line(sku="\ud800")]}, ("#/lines/0/sku", "surrogate_characters_not_allowed")),
        ({"lines": "MUG"}, ("#/lines", "not_a_list")),
        ({"currency": "gbp"}, ("#/currency", "invalid")),
        ({"ship_to": {**ADDRESS, "city": ""}}, ("#/ship_to/city", "blank")),
        ({"payment_tokens": []}, ("#/payment_tokens", "no_payment_token")),
        ({"customer": "x" * 201}, ("#/customer", "max_length")),
    ],
)
def test_a_bad_order_is_refused_with_the_place_and_the_reason(shop, change, expected):
    response = place(shop, an_order(**change))

    assert expected in pointers(response)
    assert not Order.objects.exists()
    assert not IdempotentRequest.objects.exists()


def test_every_reason_is_said_at_once(shop):
    response = place(shop, an_order(line(quantity=0), line(quantity=-1), currency="x"))

    places = {pointer for pointer, _ in pointers(response)}
    assert places == {"#/lines/0/quantity", "#/lines/1/quantity", "#/currency"}


@pytest.mark.parametrize(
    "body", [b"{not json", b"", b"\xff\xfe{}", b"[" * 100_000, b'{"lines": NaN}']
)
def test_what_is_no_json_is_malformed(shop, body):
    response = place(shop, body)

    assert response.status_code in (400, 422)
    problem(response, response.status_code)
    assert not Order.objects.exists()


def test_a_list_is_no_order(shop):
    assert pointers(place(shop, "[]")) == {("#", "invalid")}


def test_a_form_is_no_order(shop):
    response = shop.post("/api/orders/", {"currency": "GBP"}, headers={"Idempotency-Key": "k"})

    problem(response, 415)


def test_a_body_that_is_too_large_is_not_read(shop):
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000):
        response = place(shop, an_order(*[line()] * 50))

    problem(response, 413, "too-large")


def test_an_order_that_makes_too_large_an_event_is_refused(shop, settings):
    settings.SAGAS = {**settings.SAGAS, "MAX_PAYLOAD_BYTES": 1000}

    problem(place(shop, an_order(*[line()] * 50)), 413, "too-large")
    assert not Order.objects.exists()


def test_a_shop_without_a_check_takes_any_article(shop, settings):
    settings.SHOP = {**settings.SHOP, "SKU_CHECK": None}

    assert place(shop, an_order(line(sku="NOPE"))).status_code == 202


# -- idempotency ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "   ", '""', "two words", "k" * 201, "ké"])
def test_an_order_needs_an_idempotency_key(shop, key):
    problem(place(shop, key=key), 400, "idempotency-key-required")
    assert not Order.objects.exists()


def test_a_repeated_order_gets_the_first_answer_and_places_nothing(shop):
    first = place(shop)
    again = place(shop)

    assert again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Order.objects.count() == 1


def test_the_order_of_names_in_the_body_makes_no_other_request(shop):
    first = place(shop)
    turned = dict(reversed(an_order().items()))

    assert place(shop, turned).json() == first.json()


def test_a_key_in_quotes_is_the_same_key(shop):
    first = place(shop, key="k-1")

    assert place(shop, key='"k-1"').json() == first.json()


def test_a_key_with_another_body_is_refused(shop):
    place(shop)

    problem(place(shop, an_order(line(quantity=3))), 422, "idempotency-key-reused")
    assert Order.objects.count() == 1


def test_another_key_is_another_order(shop):
    place(shop, key="k-1")
    place(shop, key="k-2")

    assert Order.objects.count() == 2


def test_the_same_key_of_another_user_is_another_request(shop):
    place(shop)
    other = client_of("app", "orders.add_order")

    response = place(other)

    assert response.status_code == 202
    assert "Idempotent-Replayed" not in response.headers
    assert Order.objects.count() == 2


def test_a_refused_order_can_be_corrected_under_its_key(shop):
    pointers(place(shop, an_order(line(quantity=0))))

    assert place(shop).status_code == 202


@pytest.mark.django_db(transaction=True)
def test_the_same_order_sent_twice_at_once_is_placed_once(shop):
    start, answers = threading.Barrier(4), []
    cookies = shop.cookies

    def send():
        client = Client()
        client.cookies = cookies
        start.wait()
        try:
            answers.append(place(client))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [202] * 4
    assert len({answer.json()["number"] for answer in answers}) == 1
    assert Order.objects.count() == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.django_db(transaction=True)
def test_an_order_costs_one_transaction_and_as_many_statements_for_100_lines_as_for_one(shop):
    # Django gives SQLite no more rows at once than 999 parameters hold.
    most = connection.ops.bulk_batch_size(SoldLine._meta.concrete_fields, range(100))
    costs = []
    for count in (1, min(100, most)):
        with CaptureQueriesContext(connection) as queries:
            assert place(shop, an_order(*[line()] * count), key=f"k-{count}").status_code == 202
        costs.append([query["sql"] for query in queries.captured_queries])

    assert len(costs[0]) == len(costs[1])
    for statements in costs:
        assert sum(sql.startswith("BEGIN") for sql in statements) == 1
        assert statements.count("COMMIT") == 1


@pytest.mark.django_db(transaction=True)
def test_an_order_that_fails_leaves_nothing_behind(shop, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(IdempotentRequest, "save", fail)
    with pytest.raises(RuntimeError, match="the disk is full"):
        place(shop)

    assert not Order.objects.exists()
    assert not StoredEvent.objects.exists()


# -- trace ----------------------------------------------------------------------------------


def test_an_order_goes_on_in_the_trace_of_its_request(shop):
    response = place(shop, traceparent=TRACE)

    trace = TRACE[3:35]
    assert response.headers["traceparent"][3:35] == trace
    assert {event.traceparent[3:35] for event in StoredEvent.objects.all()} == {trace}


def test_a_request_without_a_usable_trace_begins_one_and_its_problem_names_it(shop):
    response = place(shop, b"{", traceparent="nonsense")

    trace = response.headers["traceparent"][3:35]
    assert len(trace) == 32
    assert problem(response, 400)["trace_id"] == trace


# -- looking at an order --------------------------------------------------------------------


def test_customers_see_their_order_and_what_happened_to_it(shop, customer):
    url = place(shop).json()["url"]

    body = customer.get(url).json()

    assert body["state"] == "placed"
    assert body["state_label"] == "placed"
    assert body["total"] == {"minor": 500, "currency": "GBP"}
    assert body["ship_to"] == ADDRESS
    assert body["lines"] == [
        {
            "line_no": 1,
            "sku": "MUG",
            "quantity": 2,
            "unit_price": {"minor": 250, "currency": "GBP"},
            "paid_minor": 500,
            "refunded_minor": 0,
            "cancelled": 0,
            "shipped": 0,
            "returned": 0,
            "exchanged": 0,
            "lost": 0,
            "cancellable": 2,
            "returnable": 0,
        }
    ]
    assert [moment["text"] for moment in body["timeline"]] == ["You placed this order."]


def test_an_order_of_somebody_else_does_not_exist(shop, customer):
    place(shop, an_order(customer="bob"))
    url = f"/api/orders/{Order.objects.get().number}/"

    problem(customer.get(url), 404)
    problem(post(customer, f"{url}cancel/", {}), 404)
    assert not Case.objects.exists()


@pytest.mark.parametrize("number", ["S-NONE", "x" * 300])
def test_an_order_that_does_not_exist_is_not_found(customer, number):
    problem(customer.get(f"/api/orders/{number}/"), 404)


def test_an_unchanged_order_is_not_sent_again(shop, customer):
    url = place(shop).json()["url"]
    tag = customer.get(url).headers["ETag"]

    assert customer.get(url, headers={"If-None-Match": tag}).status_code == 304
    post(customer, f"{url}cancel/", {"reason": "too slow"})
    assert customer.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_looking_at_an_order_costs_as_many_queries_for_many_returns_as_for_one(customer):
    costs = []
    for count in (1, 3):
        order = an_old_order(number=f"S-{count}")
        for n in range(count):
            ask_return(customer, order, (1, 1), key=f"r-{n}")
        with CaptureQueriesContext(connection) as queries:
            body = customer.get(f"/api/orders/{order.number}/").json()
        assert len(body["cases"]) == count
        costs.append(len(queries))

    assert costs[0] == costs[1]


# -- cancelling -----------------------------------------------------------------------------


def test_a_second_wish_to_cancel_returns_the_first_case(shop, customer):
    url = place(shop).json()["url"]

    first = post(customer, f"{url}cancel/", {"reason": "too slow"})
    second = post(customer, f"{url}cancel/", {"reason": "really"})

    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert first.headers["Location"] == url
    case = Case.objects.get()
    assert first.json() == {
        "case": str(case.pk),
        "kind": "abandon",
        "state": "open",
        "refund": {"minor": 0, "currency": "GBP"},
        "url": url,
    }
    assert (case.reason, case.actor) == ("too slow", "customer:ada")
    assert customer.get(url).json()["cases"][0]["state"] == "open"


def test_a_wish_to_cancel_needs_no_reason(shop, customer):
    url = place(shop).json()["url"]

    assert post(customer, f"{url}cancel/", {}).status_code == 202


def test_who_may_only_look_can_not_cancel(shop):
    url = place(shop).json()["url"]

    problem(post(shop, f"{url}cancel/", {}), 404)


# -- returning ------------------------------------------------------------------------------


def ask_return(client, order, *lines, key="r-1", reason="broken"):
    body = {"lines": [{"line_no": n, "quantity": q} for n, q in lines], "reason": reason}
    return post(client, f"/api/orders/{order.number}/returns/", body, **{"Idempotency-Key": key})


def test_customers_ask_for_a_return_and_are_told_the_refund(customer):
    order = an_old_order()

    response = ask_return(customer, order, (1, 2))

    assert response.status_code == 202
    returned = Case.objects.get()
    assert response.json() == {
        "case": str(returned.pk),
        "kind": "return",
        "state": "open",
        "refund": {"minor": 500, "currency": "GBP"},
        "url": f"/api/orders/{order.number}/",
    }
    body = customer.get(f"/api/orders/{order.number}/").json()
    (line,) = body["cases"][0]["lines"]
    assert (line["line_no"], line["quantity"]) == (1, 2)
    assert body["lines"][0]["returnable"] == 1
    assert [moment["text"] for moment in body["timeline"]] == ["A return was asked for."]


def test_a_repeated_return_takes_no_more_units(customer):
    order = an_old_order()

    first, again = ask_return(customer, order, (1, 1)), ask_return(customer, order, (1, 1))

    assert first.json() == again.json()
    assert Case.objects.count() == 1


def test_a_return_needs_an_idempotency_key(customer):
    problem(ask_return(customer, an_old_order(), (1, 1), key=""), 400, "idempotency-key-required")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ("#/lines", "empty")),
        ([(1, 0)], ("#/lines/0/quantity", "min_value")),
        ([(1, 4)], ("#/lines", "too_many")),
        ([(1, 2), (1, 2)], ("#/lines", "too_many")),
        ([(2, 1)], ("#/lines", "unknown_line")),
    ],
)
def test_a_return_of_what_was_not_sold_is_refused(customer, lines, expected):
    response = ask_return(customer, an_old_order(), *lines)

    assert expected in pointers(response)
    assert not Case.objects.exists()


def test_a_return_after_its_window_is_refused(customer, settings):
    order = an_old_order()
    with clock.travel(settings.SHOP["RETURN_WINDOW"] + timedelta(days=1)):
        response = ask_return(customer, order, (1, 1))

    assert {code for _, code in pointers(response)} == {"window_over"}


def test_an_order_that_was_not_delivered_can_not_be_returned(shop, customer):
    place(shop)

    response = ask_return(customer, Order.objects.get(), (1, 1))

    assert {code for _, code in pointers(response)} == {"not_delivered"}


# -- stock ----------------------------------------------------------------------------------


def test_stock_is_listed_by_article_in_pages():
    StockItem.objects.bulk_create(StockItem(sku=f"A{n}", available=n) for n in range(3))
    clerk = client_of("clerk", "inventory.view_stockitem")

    page = clerk.get("/api/stock/?page_size=2").json()
    assert [item["sku"] for item in page["results"]] == ["A0", "A1"]
    assert page["count"] == 3
    assert page["next"]
    some = clerk.get("/api/stock/?sku=A2&sku=A1&sku=NOPE").json()["results"]
    assert [(item["sku"], item["available"], item["total"]) for item in some] == [
        ("A1", 1, 1),
        ("A2", 2, 2),
    ]


@pytest.mark.parametrize(
    ("query", "status"), [("?page=99", 404), ("?page=x", 404), ("?sku=%00", 400)]
)
def test_a_query_for_stock_that_makes_no_sense_is_refused(query, status):
    clerk = client_of("clerk", "inventory.view_stockitem")

    problem(clerk.get(f"/api/stock/{query}"), status)


def test_customers_do_not_see_the_stock(customer):
    problem(customer.get("/api/stock/"), 403)


# -- operators ------------------------------------------------------------------------------


def a_saga(**values):
    values = {"choreography": "checkout", "key": "x", "started_at": clock.now()} | values
    return Saga.objects.create(**values)


def a_dead_delivery():
    saga = a_saga(position=1)
    event = StoredEvent.objects.create(
        type="orders.OrderPlaced",
        payload={},
        context="orders",
        saga_id=saga.pk,
        position=1,
        subject_model="orders.Order",
        subject_key="x",
        subject_seq=1,
        recorded_at=clock.now(),
    )
    return Delivery.objects.create(
        event=event,
        consumer="inventory",
        purpose="reserve",
        kind="forward",
        saga_id=saga.pk,
        position=1,
        state=DeliveryState.DEAD,
        available_at=clock.now(),
        created_at=clock.now(),
    )


def test_operators_list_sagas_newest_first_and_page_through_them(operator):
    sagas = [str(a_saga(key=str(n)).pk) for n in range(5)]

    first = operator.get("/api/sagas/?page_size=3").json()
    second = operator.get(first["next"]).json()

    found = [saga["id"] for saga in first["results"] + second["results"]]
    assert found == sagas[::-1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", {"a", "b"}),
        ("?choreography=return", {"b"}),
        ("?direction=compensating", {"b"}),
        ("?status=running", {"a", "b"}),
        ("?status=free", {"lane"}),
        ("?key=a", {"a"}),
        ("?key=a&choreography=return", set()),
    ],
)
def test_operators_narrow_the_list(operator, query, keys):
    a_saga(key="a")
    a_saga(key="b", choreography="return", direction="compensating")
    a_saga(key="lane", choreography="free", status=SagaStatus.FREE)

    found = operator.get(f"/api/sagas/{query}").json()["results"]

    assert {saga["key"] for saga in found} == keys


def test_a_filter_that_makes_no_sense_is_refused_by_its_name(operator):
    response = operator.get("/api/sagas/?status=sleeping")

    assert pointers(response, 400, "bad-query") == {("?status", "invalid_choice")}


def test_operators_see_a_saga_with_all_that_happened(shop, operator):
    place(shop)
    saga = Saga.objects.get(choreography="checkout")

    response = operator.get(f"/api/sagas/{saga.pk}/")

    body = response.json()
    assert [event["type"] for event in body["timeline"]] == ["orders.OrderPlaced"]
    assert body["timeline"][0]["actor"] == "user:storefront"
    assert {d["consumer"] for d in body["deliveries"]} >= {"inventory", "payments"}
    assert {wait["kind"] for wait in body["waiting"]} == {"ready", "timer"}
    tag = response.headers["ETag"]
    again = operator.get(f"/api/sagas/{saga.pk}/", headers={"If-None-Match": tag})
    assert again.status_code == 304


def test_sagas_are_for_those_who_may_see_them(customer):
    saga = a_saga()

    problem(customer.get("/api/sagas/"), 403)
    problem(customer.get(f"/api/sagas/{saga.pk}/"), 403)


def test_an_unknown_saga_is_not_found(operator):
    problem(operator.get(f"/api/sagas/{clock.new_id()}/"), 404)


def test_a_dead_delivery_is_retried_with_a_reason_and_a_second_time_without_harm():
    dead = a_dead_delivery()
    kim = client_of("kim", "sagas.retry_delivery", is_staff=True)

    first = post(kim, f"/api/deliveries/{dead.pk}/retry/", {"reason": "fixed the shelf"})
    second = post(kim, f"/api/deliveries/{dead.pk}/retry/", {"reason": "again"})

    assert (first.json(), second.json()) == ({"changed": True}, {"changed": False})
    dead.refresh_from_db()
    assert dead.state == DeliveryState.READY
    fact = StoredEvent.objects.get(type="sagas.DeliveryRetried")
    assert (fact.actor, fact.reason) == ("admin:kim", "fixed the shelf")


def test_a_dead_delivery_is_skipped_and_then_is_gone():
    dead = a_dead_delivery()
    kim = client_of("kim", "sagas.skip_delivery", is_staff=True)

    assert post(kim, f"/api/deliveries/{dead.pk}/skip/", {"reason": "sold"}).status_code == 200
    problem(post(kim, f"/api/deliveries/{dead.pk}/skip/", {"reason": "sold"}), 404)
    assert StoredEvent.objects.get(type="sagas.DeliverySkipped").reason == "sold"
    assert not SagaCase.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("reason", ["", "   ", None])
def test_acting_on_a_delivery_needs_a_reason(reason):
    dead = a_dead_delivery()
    kim = client_of("kim", "sagas.retry_delivery", is_staff=True)

    response = post(kim, f"/api/deliveries/{dead.pk}/retry/", {"reason": reason})

    assert {pointer for pointer, _ in pointers(response)} == {"#/reason"}


@pytest.mark.parametrize("verb", ["retry", "skip"])
def test_seeing_sagas_is_not_acting_on_them(operator, verb):
    dead = a_dead_delivery()

    problem(post(operator, f"/api/deliveries/{dead.pk}/{verb}/", {"reason": "hm"}), 403)


# -- the contract ---------------------------------------------------------------------------


def test_the_published_contract_is_valid_and_served(client, tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))

    response = client.get("/api/schema/?format=json")
    assert set(response.json()["paths"]) >= {"/api/orders/", "/api/sagas/", "/api/stock/"}


def test_the_shops_own_errors_stay_as_they_are():
    assert api_settings.EXCEPTION_HANDLER.__module__ == "rest_framework.views"

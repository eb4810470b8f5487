"""Korean: both catalogues are whole and current, and the shop's words keep its facts apart."""

import ast
import re
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation
from msgspec import to_builtins

from inventory.events import OutOfStock
from orders.cases import CASES
from orders.events import CaseKind, OrderCancelled, OrderPlaced
from orders.models import Order
from orders.services import place_order
from payments.events import PaymentRefunded, PaymentVoided
from payments.models import LedgerEntry, Payment
from sagas.event import EVENT_TYPES
from sagas.projection.words import title_of
from shop.event_titles import TITLES
from tests.world import HOME, LINES

ROOT = Path(settings.BASE_DIR)
SHOP = ("orders", "payments", "inventory", "shipping", "shop")
APPS = {"sagas": ("sagas",), "shop": SHOP}
FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
FIELD = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr)(?:\[0\])? ((?:".*"\n?)+)', re.MULTILINE)
PLACEHOLDER = re.compile(r"%\(\w+\)[\d.]*[a-z]")
HANGUL = re.compile(r"[가-힣]")

both_catalogues = pytest.mark.parametrize("name", sorted(APPS))


def source(name):
    return (ROOT / name / "locale/ko/LC_MESSAGES/django.po").read_text(encoding="utf-8")


def entries(name):
    """Yield the fields of each entry of a .po file, as {"msgid": ..., "msgstr": ...}."""
    for block in source(name).strip().split("\n\n"):
        yield {field: _joined(lines) for field, lines in FIELD.findall(block)}


def _joined(lines):
    return "".join(ast.literal_eval(line) for line in lines.splitlines())


def words(name):
    """Return what a .po file says, by English text."""
    return {entry["msgid"]: entry["msgstr"] for entry in entries(name) if entry["msgid"]}


def compiled(name):
    with (ROOT / name / "locale/ko/LC_MESSAGES/django.mo").open("rb") as file:
        return GNUTranslations(file)


def strings_of(packages):
    """Return every English text that the Python code of some packages marks for translation."""
    files = (file for package in packages for file in (ROOT / package).rglob("*.py"))
    return {text for file in files for text in _marked(ast.parse(file.read_text("utf-8"))) if text}


def _marked(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS:
            yield from (each.value for each in node.args[:1] if isinstance(each, ast.Constant))


# -- the catalogues


@both_catalogues
def test_every_entry_is_translated_and_certain(name):
    assert "fuzzy" not in source(name)
    assert "#~" not in source(name)
    assert [english for english, korean in words(name).items() if not korean] == []


@both_catalogues
def test_a_text_is_in_a_catalogue_once(name):
    assert len(list(entries(name))) == len(words(name)) + 1


@both_catalogues
def test_what_is_compiled_is_what_the_source_says(name):
    catalogue = compiled(name)

    said = {
        (entry["msgid"], 0) if "msgid_plural" in entry else entry["msgid"]: entry["msgstr"]
        for entry in entries(name)
    }

    assert catalogue._catalog == said


@both_catalogues
def test_a_translation_keeps_what_is_filled_in(name):
    changed = {
        english: korean
        for english, korean in words(name).items()
        if sorted(PLACEHOLDER.findall(english)) != sorted(PLACEHOLDER.findall(korean))
    }

    assert changed == {}


@both_catalogues
def test_every_text_of_the_code_is_in_its_catalogue(name):
    assert strings_of(APPS[name]) - words(name).keys() == set()


def test_the_shops_catalogue_holds_nothing_that_nobody_says():
    assert words("shop").keys() - strings_of(SHOP) == set()


def test_a_text_of_both_catalogues_reads_the_same_in_both():
    """The shop's catalogue overrides that of sagas, so a different word would change its pages."""
    ours, theirs = words("shop"), words("sagas")

    assert {text: ours[text] for text in ours.keys() & theirs} == {
        text: theirs[text] for text in ours.keys() & theirs
    }


# -- the words


def test_every_event_of_the_shop_has_a_korean_title():
    events = [name for name in EVENT_TYPES if name.partition(".")[0] in SHOP]
    assert {title_of(name) for name in events} == set(TITLES)

    with translation.override("ko"):
        titles = {name: title_of(name) for name in events}

    assert [name for name, title in titles.items() if not HANGUL.search(title)] == []
    assert len(set(titles.values())) == len(titles), "two facts have the same title"


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("주문취소", Order.State.CANCELLED.label),
        ("주문취소", CASES[CaseKind.CANCEL].title),
        ("환불", Payment.State.REFUNDED.label),
        ("환불", LedgerEntry.Kind.REFUND.label),
        ("반품", Order.State.RETURNED.label),
        ("반품", CASES[CaseKind.RETURN].title),
        ("승인취소", Payment.State.VOIDED.label),
        ("승인취소", LedgerEntry.Kind.VOID.label),
        ("품절", CASES[CaseKind.OOS_CANCEL].title),
    ],
)
def test_cancellation_refund_return_void_and_shortage_are_five_words(word, label):
    with translation.override("ko"):
        said = str(label)

    others = {"주문취소", "환불", "반품", "승인취소", "품절"} - {word}
    assert word in said
    assert not any(other in said for other in others)


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (OrderPlaced, "주문 접수"),
        (OrderCancelled, "주문취소 확정"),
        (PaymentVoided, "결제 승인취소"),
        (PaymentRefunded, "결제 금액 환불 완료"),
        (OutOfStock, "품절"),
    ],
)
def test_an_event_is_called_by_its_korean_title(event, title):
    with translation.override("ko"):
        assert title_of(event.wire_name) == title


# -- the pages


@pytest.fixture
def korean(db, client, django_user_model):
    """Yield a client whose browser asks for Korean, and an order in the books."""
    place_order(
        customer="kim",
        currency="KRW",
        lines=LINES,
        ship_to=HOME,
        payment_tokens=("tok_visa",),
        number="A-17",
    )
    client.force_login(django_user_model.objects.create_superuser("admin"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    # A request leaves its language behind in the thread.
    with translation.override("en"):
        yield client


def test_a_page_of_the_admin_is_in_korean(korean):
    page = korean.get(reverse("admin:orders_order_changelist")).content.decode()

    assert '<html lang="ko"' in page
    for word in ("주문 번호", "고객", "주문 접수", "주문취소 요청", "진행 내역 보기"):
        assert word in page


def test_a_customer_reads_the_story_of_an_order_in_korean(korean):
    told = korean.get(reverse("orders_api:order", args=["A-17"])).json()

    assert told["state_label"] == "주문 접수"
    assert [moment["text"] for moment in told["timeline"]] == ["주문이 접수되었습니다."]


def test_an_error_of_the_api_is_in_korean(korean):
    order = {
        "currency": "KRW",
        "lines": [{"sku": "NOPE", "quantity": 1, "unit_price": {"minor": 1, "currency": "KRW"}}],
        "ship_to": to_builtins(HOME),
        "payment_tokens": ["tok_visa"],
    }

    answer = korean.post(
        reverse("orders_api:orders"),
        order,
        content_type="application/json",
        headers={"Idempotency-Key": "once"},
    )

    assert [error["detail"] for error in answer.json()["errors"]] == ["NOPE 상품이 없습니다."]

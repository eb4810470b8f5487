"""Requests as steps freeze them, and orders that are brought as far as a test needs them."""

from collections import Counter
from uuid import uuid4


def authorisation(rig, amount=1000, card=None):
    """Return the request for a new order's authorisation."""
    reference = rig.order()
    return {
        "reference": reference,
        "amount_minor": amount,
        "currency": rig.currency,
        "card_token": card or rig.card(reference, amount),
        "method": "card",
    }


def authorised(rig, amount=1000):
    """Return the order number and the authorisation of a new order."""
    request = authorisation(rig, amount)
    return request["reference"], rig.gateway.authorise(request, uuid4()).reference


def capture(rig, reference, held, amount):
    """Return the request to take an amount of an authorisation."""
    return {
        "reference": reference,
        "authorisation_id": held,
        "amount_minor": amount,
        "currency": rig.currency,
    }


def captured(rig, amount=1000):
    """Return the order number and the capture of a new order, paid in full."""
    reference, held = authorised(rig, amount)
    taken = rig.gateway.capture(capture(rig, reference, held, amount), uuid4())
    return reference, taken.reference


def refund(rig, reference, taken, amount, operation="refund"):
    """Return the request to give an amount of a capture back."""
    return {
        "reference": reference,
        "capture_id": taken,
        "amount_minor": amount,
        "currency": rig.currency,
        "operation": operation,
        "account": None,
        "reason": "too small",
    }


def prepared(rig, operation):
    """Return an operation of the gateway and a request that is ready for it."""
    if operation == "authorise":
        return rig.gateway.authorise, authorisation(rig)
    if operation == "capture":
        return rig.gateway.capture, capture(rig, *authorised(rig), amount=1000)
    return rig.gateway.refund, refund(rig, *captured(rig), amount=400)


def effects(rig, reference):
    """Return how often something was authorised, taken and given back."""
    standing = rig.gateway.look_up(reference)
    return [len(x) for x in (standing.authorisations, standing.captures, standing.refunds)]


def totals(rig, reference, **position):
    """Return what the statement says of an order, by kind and id."""
    lines: Counter[tuple[str, str]] = Counter()
    for line in rig.gateway.settlement_lines(**position):
        if line.reference == reference:
            lines[line.kind, line.id] += line.amount_minor
    return lines


#: What comes to the shop; all other kinds are taken off a payout.
COMES_IN = ("capture", "refund_failed", "net")


def counted(lines):
    """Return what lines of the statement, or of a payout, come to in it."""
    return sum(x.amount_minor if x.kind in COMES_IN else -x.amount_minor for x in lines)

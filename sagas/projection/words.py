"""Words: how events, states and subjects are called where people read them."""

import re
from collections import defaultdict
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext, gettext_noop

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

#: What the framework's own facts say; the names are fields of their payloads.
_SENTENCES = {
    "sagas.StepDone": gettext_noop("%(step)s ran and had nothing to announce"),
    "sagas.StepRefused": gettext_noop("%(step)s was refused"),
    "sagas.EventIgnored": gettext_noop("%(step)s changed nothing"),
    "sagas.CallStarted": gettext_noop("%(step)s calls “%(call)s” outside, attempt %(attempt)s"),
    "sagas.CallUnanswered": gettext_noop("%(step)s got no answer to “%(call)s”"),
    "sagas.LeaseExpired": gettext_noop("%(step)s was held longer than its lease"),
    "sagas.FenceRefused": gettext_noop("%(step)s came back too late to be committed"),
    "sagas.DeliveryDied": gettext_noop("%(consumer)s.%(step)s gave up: %(error)s"),
    "sagas.DeliveryRetried": gettext_noop("%(consumer)s.%(step)s is tried again"),
    "sagas.DeliverySkipped": gettext_noop("%(consumer)s.%(step)s will not be done"),
    "sagas.DeliverySuperseded": gettext_noop("%(consumer)s.%(step)s got a corrected event"),
    "sagas.CallApproved": gettext_noop("The call of %(consumer)s.%(step)s may go out over its cap"),
    "sagas.TimerCancelled": gettext_noop("A timer fired after its state had been left"),
    "sagas.DeadlinePassed": gettext_noop("The deadline of %(what)s has passed"),
    "sagas.CaseOpened": gettext_noop("A person is asked: %(detail)s"),
    "sagas.CaseClosed": gettext_noop("A person has dealt with it: %(note)s"),
    "sagas.DisagreementReported": gettext_noop("Books disagree, and a person is asked: %(detail)s"),
    "sagas.DisagreementSettled": gettext_noop("A disagreement of books is settled: %(note)s"),
    "sagas.BreakerOpened": gettext_noop(
        "%(gateway)s did not answer (calls in a row: %(failures)s); none goes out before %(until)s"
    ),
    "sagas.BreakerClosed": gettext_noop("%(gateway)s answers again"),
    "sagas.Paused": gettext_noop("%(name)s was paused"),
    "sagas.Resumed": gettext_noop("%(name)s was resumed"),
}


def title_of(wire_name: str) -> str:
    """Return an event's name as words: `orders.OrderPlaced` is "Order placed", translated.

    A shop translates the words in a catalogue of its own.
    """
    first, *rest = _WORD.split(wire_name.rpartition(".")[2])
    words = " ".join([first, *(word.lower() for word in rest)])
    return gettext(words)


def sentence_of(wire_name: str, payload: dict[str, Any]) -> str:
    """Return what an event says: a sentence for the framework's facts, its title for others."""
    sentence = _SENTENCES.get(wire_name)
    if sentence is None:
        return title_of(wire_name)
    known: defaultdict[str, Any] = defaultdict(lambda: "?", payload)
    return gettext(sentence) % known


def state_label(model: str, field: str, state: str) -> str:
    """Return how a model calls a state, or the state itself where the model is not known."""
    try:
        choices = dict(apps.get_model(model)._meta.get_field(field).flatchoices)
    except (LookupError, ValueError, AttributeError, FieldDoesNotExist):
        choices = {}
    return str(choices.get(state, state)) or gettext("nothing")


def subject_label(model: str, key: str) -> str:
    """Return whom an event speaks of: `orders.Order` 7 is "order 7"."""
    try:
        name = str(apps.get_model(model)._meta.verbose_name)
    except (LookupError, ValueError):
        name = model
    return f"{name} {key}".strip()


def last_line(error: str, *, limit: int = 300) -> str:
    """Return the line of a traceback that says what happened."""
    return error.strip().rpartition("\n")[2][:limit]

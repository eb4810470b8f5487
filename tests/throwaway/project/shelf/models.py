"""The bookshop's models: integer and UUID keys, integer and text states, a save() of its own."""
# ruff: noqa: DJ008

from typing import Any
from uuid import uuid4

from django.db import models
from django_fsm import FSMField, FSMIntegerField, transition


class Account(models.Model):
    """A customer's points."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    customer = models.CharField(max_length=50, unique=True)
    points = models.IntegerField(default=0)


class Title(models.Model):
    """So many copies of one book."""

    isbn = models.CharField(max_length=13, primary_key=True)
    copies = models.PositiveIntegerField()


class Sale(models.Model):
    """One book for one customer. It moves in two ways: as a sale, and as a parcel."""

    class State(models.TextChoices):
        """How far the sale is."""

        NEW = "new"
        PLACED = "placed"
        COLLECTED = "collected"
        CLOSED = "closed"
        CANCELLED = "cancelled"
        UNDONE = "undone"

    class Parcel(models.TextChoices):
        """How far its wrapping is; it begins in a state called as the sale's own."""

        NEW = "new"
        WRAPPED = "wrapped"
        REFUSED = "refused"

    customer = models.CharField(max_length=50)
    isbn = models.CharField(max_length=13)
    state = FSMField(default=State.NEW, choices=State.choices, protected=True)
    parcel = FSMField(default=Parcel.NEW, choices=Parcel.choices, protected=True)
    times_saved = models.PositiveIntegerField(default=0)

    def save(self, *args: Any, **options: Any) -> None:
        """Count; a shop would, say, keep a slug or a cache here."""
        self.times_saved += 1
        if options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], "times_saved"}
        super().save(*args, **options)

    @transition(state, source=State.NEW, target=State.PLACED)
    def place(self) -> None:
        """Buy it."""

    @transition(state, source=State.PLACED, target=State.COLLECTED)
    def collect(self) -> None:
        """The customer has it."""

    @transition(state, source=State.COLLECTED, target=State.CLOSED)
    def close(self) -> None:
        """Done."""

    @transition(state, source=[State.NEW, State.PLACED], target=State.CANCELLED)
    def cancel(self) -> None:
        """Give up."""

    @transition(state, source=State.CANCELLED, target=State.UNDONE)
    def finish_undoing(self) -> None:
        """Everything is where it was."""

    @transition(parcel, source=Parcel.NEW, target=Parcel.WRAPPED)
    def wrap(self) -> None:
        """Put it into paper."""

    @transition(parcel, source=Parcel.WRAPPED, target=Parcel.NEW)
    def unwrap(self) -> None:
        """Take the paper off."""

    @transition(parcel, source=Parcel.NEW, target=Parcel.REFUSED)
    def refuse_wrapping(self) -> None:
        """No paper is large enough."""


class Hold(models.Model):
    """A copy put aside for a sale."""

    class Stage(models.IntegerChoices):
        """Zero is a state like any other."""

        NONE = 0
        HELD = 1
        SOLD_OUT = 2
        RETURNED = 3

    sale_id = models.IntegerField(unique=True)
    isbn = models.CharField(max_length=13, default="")
    stage = FSMIntegerField(default=Stage.NONE, choices=Stage.choices, protected=True)

    @transition(stage, source=Stage.NONE, target=Stage.HELD)
    def hold(self) -> None:
        """Put it aside."""

    @transition(stage, source=Stage.NONE, target=Stage.SOLD_OUT)
    def miss(self) -> None:
        """None is left."""

    @transition(stage, source=Stage.HELD, target=Stage.RETURNED)
    def put_back(self) -> None:
        """Return it to the shelf."""

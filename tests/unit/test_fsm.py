"""FSM: how a state machine is read, whatever way it is written."""

import pytest
from django.db import models
from django.test.utils import isolate_apps
from django_fsm import GET_STATE, RETURN_VALUE, FSMField, FSMIntegerField, transition

from orders.models import Order
from payments.models import Payment
from sagas import fsm
from sagas.exceptions import ConfigurationError


@pytest.fixture
def lamp():
    """Return a model whose machines use every way of writing a source and a target."""
    with isolate_apps("orders"):

        class Lamp(models.Model):
            class State(models.TextChoices):
                OFF = "off"
                ON = "on"
                BROKEN = "broken"

            state = FSMField(default=State.OFF, choices=State.choices, protected=True)
            level = FSMIntegerField(default=0, choices=[(0, "low"), (1, "high")])

            class Meta:
                app_label = "orders"

            def __str__(self):
                return self.state

            @transition(state, source=State.OFF, target=State.ON)
            def switch_on(self):
                pass

            @transition(state, source="+", target=State.BROKEN)
            def drop(self):
                pass

            @transition(state, source="*", target=RETURN_VALUE(State.OFF, State.BROKEN))
            def mend(self):
                return self.State.OFF

            @transition(state, source=State.ON, target=None)
            def look(self):
                pass

            @transition(level, source=0, target=GET_STATE(lambda self: 1, states=[1]))
            def rise(self):
                pass

        yield Lamp


def arrows(model, field):
    return {(edge.name, edge.source, edge.target) for edge in fsm.edges(model, field)}


def test_any_state_is_spelled_out_and_any_other_leaves_the_target_out(lamp):
    assert {a for a in arrows(lamp, "state") if a[0] == "drop"} == {
        ("drop", "off", "broken"),
        ("drop", "on", "broken"),
    }


def test_a_target_that_is_decided_on_the_way_has_every_arrow(lamp):
    assert {a[1:] for a in arrows(lamp, "state") if a[0] == "mend"} == {
        (source, target) for source in ("off", "on", "broken") for target in ("off", "broken")
    }
    assert arrows(lamp, "level") == {("rise", "0", "1")}


def test_a_transition_without_a_target_stays_where_it_is(lamp):
    assert ("look", "on", "on") in arrows(lamp, "state")


def test_a_model_tells_its_fsm_fields_and_their_states(lamp):
    assert fsm.fsm_fields(lamp) == ("state", "level")
    assert fsm.states(lamp, "state") == ("off", "on", "broken")
    assert fsm.states(lamp, "level") == ("0", "1")
    assert fsm.state_of(lamp(), "level") == "0"


def test_sources_are_the_states_from_which_a_transition_may_start():
    names = ["start_cancel", "confirm"]
    assert fsm.sources(Order, "state", names) == {"placed", "confirmed", "fulfilling"}
    assert fsm.sources(Order, "state", []) == frozenset()


def test_a_way_of_several_transitions_has_all_their_names():
    names = frozenset(["start_authorise", "authorise", "decline"])

    def way(source, target):
        return fsm.path_name(Payment, "state", names=names, source=source, target=target)

    assert way("pending", "authorised") == "start_authorise+authorise"
    assert way("authorising", "declined") == "decline"
    assert way("pending", "captured") is None
    assert way("authorised", "pending") is None


def test_a_move_is_called_like_its_arrow():
    assert fsm.arrow_name(Order, "state", "placed", "confirmed") == "confirm"
    assert fsm.arrow_name(Order, "state", "cancelled", "placed") == "set"


@pytest.mark.parametrize(
    ("state", "goal", "ahead"),
    [
        ("placed", "completed", True),
        ("completed", "placed", False),
        ("cancelled", "confirmed", False),
        ("placed", "placed", False),
    ],
)
def test_a_state_lies_ahead_where_a_way_leads_to_it(state, goal, ahead):
    assert fsm.is_ahead(Order, "state", state, frozenset([goal])) is ahead


def test_a_state_that_is_only_reached_in_a_circle_does_not_lie_ahead():
    assert fsm.is_ahead(Payment, "state", "declined", frozenset(["declined"])) is False


def test_a_field_is_named_by_its_descriptor():
    assert fsm.field_name_of(Payment.state) == "state"
    with pytest.raises(ConfigurationError, match=r"write it as Model.field"):
        fsm.field_name_of(Payment.number)


def test_a_transition_is_named_by_its_method():
    assert fsm.transition_field(Payment.capture) == "state"
    with pytest.raises(ConfigurationError, match=r"write it as Model.method"):
        fsm.transition_field(Payment.money)

"""States: every (state x event) pair is decided; what holds something has a way back (G6, G7)."""

from collections.abc import Iterator, Mapping

from django.core.checks import CheckMessage

from sagas import fsm
from sagas.checks.message import error, info, warning
from sagas.choreography import CHOREOGRAPHIES, EventType
from sagas.graph import entered_states
from sagas.matrix import applying_states, cells
from sagas.participant import PARTICIPANTS, Participant
from sagas.routing import all_steps, routes
from sagas.step import ABSENT, AnswerKind, Holding, Kind, Step, Waiting
from sagas.work import saves_one_by_one

NOTHING = "nothing"


def shown(state: str) -> str:
    """Return a state's name as a declaration writes it."""
    return repr(state) if state != ABSENT else "ABSENT"


def runs_in(step: Step) -> frozenset[str]:
    """Return the states of an existing subject in which the step runs."""
    return applying_states(step) - {ABSENT}


def leaves(step: Step, state: str) -> bool:
    """Whether the step's subject can still leave a state."""
    assert step.model is not None  # noqa: S101  for types; only steps with subjects ask
    return any(edge.source == state for edge in fsm.edges(step.model, step.state_field))


def _met_by_events() -> Iterator[Step]:
    return (step for step in all_steps() if step.events and step.undo_table is None)


def _tables() -> Iterator[tuple[Step, Mapping[str, object]]]:
    return ((step, step.undo_table) for step in all_steps() if step.undo_table is not None)


def undecided() -> Iterator[CheckMessage]:
    """E009: nobody decided what happens when an event meets a state (R25, decision 16)."""
    for step in _met_by_events():
        for cell in cells(step).values():
            if cell.answer is None:
                events = " or ".join(event.__name__ for event in step.events)
                yield error(
                    9,
                    step,
                    f"Undecided: {events} meets state {shown(cell.state)}.",
                    hint=f"Add {shown(cell.state)} to otherwise=: refuse, ignore, park or late.",
                )


def ignored_value() -> Iterator[CheckMessage]:
    """E010: an event that moves money, stock or a parcel is ignored (D-5)."""
    moving = _moving_events()
    for step in _met_by_events():
        for state, answer in step.otherwise.items():
            for event in set(step.events) & moving.keys():
                if answer.kind is AnswerKind.IGNORE:
                    yield error(
                        10,
                        step,
                        f"It ignores {event.__name__} in state {shown(state)}, and that event"
                        f" moves {moving[event]}.",
                        hint="Use refuse(reason): the refusal is a fact that somebody can see.",
                    )


def _moving_events() -> dict[EventType, str]:
    """Return the events that come with a move to or from a state that holds something."""
    found: dict[EventType, str] = {}
    for participant in PARTICIPANTS.values():
        for holding in participant.holdings:
            for step in participant.steps.values():
                what = _moved_value(step, holding)
                if what:
                    events = routes().announcements[step.full_name].events
                    found.update(dict.fromkeys(events, what))
        found.update(_through_doors(participant))
    return found


def _moved_value(step: Step, holding: Holding) -> str:
    if step.model is not holding.model or step.state_field != holding.field:
        return ""
    names = step.moves | {step.begins}
    touched = {
        holding.holds.get(state, NOTHING)
        for edge in fsm.edges(holding.model, holding.field)
        if edge.name in names
        for state in (edge.source, edge.target)
    }
    return " and ".join(sorted(touched - {NOTHING}))


def _through_doors(participant: Participant) -> dict[EventType, str]:
    held = {what for h in participant.holdings for what in h.holds.values()} - {NOTHING}
    if not held:
        return {}
    return {e: " and ".join(sorted(held)) for door in participant.doors for e in door.events}


def missing_rows() -> Iterator[CheckMessage]:
    """E011: an undo table does not say what to do in a state (G7, decision 23)."""
    for step, table in _tables():
        for state in (ABSENT, *_states_of(step)):
            if state not in table:
                yield error(
                    11,
                    step,
                    f"Its table has no row for state {shown(state)}.",
                    hint=f"Add {shown(state)}: an undo step, nothing_to_undo(...), WAIT, INQUIRE"
                    " or hold_for_a_person(...).",
                )


def _states_of(step: Step) -> tuple[str, ...]:
    if step.model is None or not step.state_field:
        return ()
    return fsm.states(step.model, step.state_field)


def calls_in_flight() -> Iterator[CheckMessage]:
    """E013: a call may be out in a state whose undo does not wait for it (decision 18)."""
    in_flight = {
        (step.model, step.state_field, state): step
        for step in all_steps()
        if step.calls is not None
        for state in _targets(step, {step.begins})
    }
    for step, table in _tables():
        for state, entry in table.items():
            caller = in_flight.get((step.model, step.state_field, state))
            if caller is not None and not isinstance(entry, Waiting):
                yield error(
                    13,
                    step,
                    f"Its row for state {shown(state)} acts while {caller} may have a call out.",
                    hint=f"Write {shown(state)}: INQUIRE, or WAIT, and decide by its outcome.",
                )


def _targets(step: Step, names: set[str]) -> set[str]:
    if step.model is None or not step.state_field:
        return set()
    return {e.target for e in fsm.edges(step.model, step.state_field) if e.name in names}


def impossible_rows() -> Iterator[CheckMessage]:
    """E024: an undo table's row names a step that can't run in that state."""
    for step, table in _tables():
        for state, entry in table.items():
            if isinstance(entry, Step) and state not in applying_states(entry):
                yield error(
                    24,
                    step,
                    f"Its row for state {shown(state)} is {entry.name}, which can't run there.",
                    hint=f"Let a transition of {entry.name} start from {shown(state)}, or name"
                    " another step.",
                )


def values_without_way_back() -> Iterator[CheckMessage]:
    """E016: a state holds money, stock or a parcel, and nothing gets it back (G7)."""
    for participant in PARTICIPANTS.values():
        for holding in participant.holdings:
            for state, what in holding.holds.items():
                if what != NOTHING and not _has_way_back(participant, holding, state):
                    yield error(
                        16,
                        f"{participant.name}.holds",
                        f"{holding.model._meta.label} in state {shown(state)} holds {what} and has"
                        " no way back.",
                        hint="Give it a row in the undo table that gets it back, or way_back= with"
                        " the choreography that does.",
                    )


def _has_way_back(participant: Participant, holding: Holding, state: str) -> bool:
    entries = [
        (step.undo_table or {}).get(state)
        for step in participant.steps.values()
        if step.model is holding.model and step.state_field == holding.field
    ]
    is_undone = any(isinstance(entry, Step | Waiting) for entry in entries)
    return is_undone or holding.way_back.get(state) in CHOREOGRAPHIES


def undeclared_values() -> Iterator[CheckMessage]:
    """E017: nobody said what a state holds into which a call to the outside leads."""
    for step in all_steps():
        names = routes().choreographies_of.get(step.full_name, ())
        turns = any(CHOREOGRAPHIES[name].aborts for name in names if name in CHOREOGRAPHIES)
        if step.calls is not None and step.kind is Kind.FORWARD and turns:
            declared = _declared_values(step)
            for state in sorted(entered_states(step) - declared):
                yield _undeclared(step, state)
    for participant in PARTICIPANTS.values():
        for holding in participant.holdings:
            known = fsm.states(holding.model, holding.field)
            for state in (found for found in known if found not in holding.holds):
                yield _undeclared(f"{participant.name}.holds", state)


def _declared_values(step: Step) -> set[str]:
    return {
        state
        for holding in PARTICIPANTS[step.consumer].holdings
        if holding.model is step.model and holding.field == step.state_field
        for state in holding.holds
    }


def _undeclared(about: object, state: str) -> CheckMessage:
    return error(
        17,
        about,
        f"Nobody said whether state {shown(state)} holds money, stock or a parcel.",
        hint=f'Add {shown(state)} to holds(...): "money", "stock", "parcel" or "nothing".',
    )


def slow_models() -> Iterator[CheckMessage]:
    """W001: a model's rows are written one by one (decision 14)."""
    steps: dict[type, Step] = {}
    for step in all_steps():
        for model in (step.model, *(where.model for where in step.locks.values())):
            if model is not None:
                steps.setdefault(model, step)
    for model, step in steps.items():
        if saves_one_by_one(model):
            yield warning(
                1,
                model._meta.label,
                f"It overrides save() or has save signals, so {step} writes it row by row.",
                hint="Put what save() does into a transition or a constraint, or accept it and"
                " silence this with SILENCED_SYSTEM_CHECKS.",
            )


def coverage() -> Iterator[CheckMessage]:
    """I001: how many (state x event) pairs were derived, declared and ignored."""
    found = {"derived": 0, "declared": 0, "undecided": 0}
    ignored = 0
    for step in _met_by_events():
        for cell in cells(step).values():
            found[cell.found] += len(step.events)
            is_ignored = cell.answer is not None and cell.answer.kind is AnswerKind.IGNORE
            ignored += len(step.events) if is_ignored else 0
    found["declared"] += sum(len(table) * len(step.events) for step, table in _tables())
    yield info(
        1,
        f"{sum(found.values())} (state x event) cells: {found['derived']} derived,"
        f" {found['declared']} declared, {ignored} ignored, {found['undecided']} undecided.",
    )


def plain_steps() -> Iterator[CheckMessage]:
    """I002: which steps declare nothing and run one at a time (decision 14)."""
    plain = [str(step) for step in _met_by_events() if step.is_plain]
    if plain:
        yield info(2, f"These steps declare no rows and run one at a time: {', '.join(plain)}.")


CHECKS = (
    undecided,
    ignored_value,
    missing_rows,
    calls_in_flight,
    impossible_rows,
    values_without_way_back,
    undeclared_values,
    slow_models,
)
INFORMATION = (coverage, plain_steps)

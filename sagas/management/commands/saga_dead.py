"""saga_dead: what gave up and waits for a person: list it, retry it, skip it, correct it."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from sagas import dead_letter
from sagas.exceptions import SagaError
from sagas.management.options import add_reason, add_using, require_database
from sagas.models import Delivery, DeliveryState
from sagas.projection.words import last_line

_Act = Callable[..., bool]


class Command(BaseCommand):
    help = "List, retry, skip or correct deliveries that gave up."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|retry|skip|edit")
        _add_selection(verbs.add_parser("list", help=_("show them")))
        for verb, said in (
            ("retry", _("send them back to work")),
            ("skip", _("decide not to do them")),
        ):
            acting = verbs.add_parser(verb, help=said)
            _add_selection(acting)
            add_reason(acting)
        edit = verbs.add_parser("edit", help=_("correct the event of one"))
        edit.add_argument("delivery", type=UUID)
        edit.add_argument(
            "--set", action="append", required=True, metavar="FIELD=VALUE", dest="changes"
        )
        add_reason(edit)
        add_using(edit)

    def handle(self, *args: Any, **options: Any) -> None:
        require_database(options["using"])
        verbs = {
            "list": self._list,
            "retry": lambda o: self._act(dead_letter.retry_dead, o),
            "skip": lambda o: self._act(dead_letter.skip_dead, o),
            "edit": self._edit,
        }
        verbs[options["verb"]](options)

    def _list(self, options: dict[str, Any]) -> None:
        rows = list(_selected(options).select_related("event"))
        for row in rows:
            step = f"{row.consumer}.{row.purpose}"
            self.stdout.write(f"{row.id}  {step}  {row.event.type}  saga {row.saga_id}")
            self.stdout.write(f"  {row.attempts}x {last_line(row.error, limit=120)}")
        self.stdout.write(_("%(count)s dead") % {"count": len(rows)})

    def _act(self, act: _Act, options: dict[str, Any]) -> None:
        ids = _chosen(options)
        told = {name: options[name] for name in ("actor", "reason", "using")}
        done = sum(_tried(act, delivery_id, told) for delivery_id in ids)
        self.stdout.write(
            _("%(done)s of %(all)s done; the others were not dead any more.")
            % {"done": done, "all": len(ids)}
            if done < len(ids)
            else _("%(done)s done") % {"done": done}
        )

    def _edit(self, options: dict[str, Any]) -> None:
        changes = dict(_change(text) for text in options["changes"])
        told = {name: options[name] for name in ("actor", "reason", "using")}
        try:
            replacement = dead_letter.edit_dead(options["delivery"], changes, **told)
        except Delivery.DoesNotExist as error:
            raise CommandError(_("There is no such delivery.")) from error
        except (ValueError, SagaError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_("Replaced by event %(id)s") % {"id": replacement})


def _add_selection(parser: CommandParser) -> None:
    parser.add_argument("deliveries", nargs="*", type=UUID, help=_("ids of deliveries"))
    parser.add_argument("--consumer", help=_("only those of one participant"))
    parser.add_argument("--saga", type=UUID, help=_("only those of one saga"))
    parser.add_argument("--all", action="store_true", help=_("every dead one"))
    add_using(parser)


def _states(options: dict[str, Any]) -> tuple[DeliveryState, ...]:
    """Return what may be chosen: a braked one can be skipped as well, by its id."""
    by_id = options["verb"] == "skip" and options["deliveries"]
    return (DeliveryState.DEAD, DeliveryState.BRAKED) if by_id else (DeliveryState.DEAD,)


def _selected(options: dict[str, Any]) -> QuerySet[Delivery]:
    rows = Delivery.objects.using(options["using"]).filter(state__in=_states(options))
    if options["deliveries"]:
        rows = rows.filter(id__in=options["deliveries"])
    if options["consumer"]:
        rows = rows.filter(consumer=options["consumer"])
    if options["saga"]:
        rows = rows.filter(saga_id=options["saga"])
    return rows.order_by("id")


def _chosen(options: dict[str, Any]) -> list[UUID]:
    """Return what to act on. Raises CommandError when nothing was chosen, or nothing is there."""
    if not any(options[name] for name in ("deliveries", "consumer", "saga", "all")):
        raise CommandError(_("Say which: ids, --consumer, --saga or --all."))
    ids = list(_selected(options).values_list("id", flat=True))
    if not ids:
        raise CommandError(_("Nothing of that is dead."))
    return ids


def _tried(act: _Act, delivery_id: UUID, told: dict[str, Any]) -> bool:
    """Act on one; somebody else may have been faster. Raises CommandError for an empty reason."""
    try:
        return act(delivery_id, **told)
    except Delivery.DoesNotExist:
        return False
    except ValueError as error:
        raise CommandError(str(error)) from error


def _change(text: str) -> tuple[str, Any]:
    """Return field and value of `field=value`; the value is JSON, or else the text itself."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(_("“%(text)s” is not field=value.") % {"text": text})
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value

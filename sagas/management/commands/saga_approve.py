"""saga_approve: lets braked calls go out, or lists them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from sagas.approval import approve
from sagas.management.options import add_reason, add_using, require_database
from sagas.models import Case, CaseKind, Delivery


class Command(BaseCommand):
    help = "Let calls go out that a brake holds, as a second person; without ids, list them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("deliveries", nargs="*", type=UUID, help=_("ids of deliveries"))
        add_reason(parser, required=False)
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        require_database(options["using"])
        if options["deliveries"]:
            told = {name: options[name] for name in ("actor", "reason", "using")}
            self._approve(options["deliveries"], told)
        else:
            self._list(options["using"])

    def _approve(self, ids: Sequence[UUID], told: dict[str, Any]) -> None:
        done = sum(_tried(delivery_id, told) for delivery_id in ids)
        said = _("%(done)s of %(all)s approved.") % {"done": done, "all": len(ids)}
        self.stdout.write(said)

    def _list(self, using: str) -> None:
        cases = Case.objects.using(using).filter(kind=CaseKind.BRAKED, closed_at=None)
        for case in cases.order_by("opened_at", "id"):
            self.stdout.write(f"{case.delivery_id}  {case.amount}  saga {case.saga_id}")
            self.stdout.write(f"  {case.opened_at:%Y-%m-%d %H:%M:%S}  {case.detail}")
        self.stdout.write(_("%(count)s braked") % {"count": len(cases)})


def _tried(delivery_id: UUID, told: dict[str, Any]) -> bool:
    """Approve one; somebody else may have been faster. Raises CommandError where it may not be."""
    try:
        return approve(delivery_id, **told)
    except Delivery.DoesNotExist:
        return False
    except ValueError as error:
        raise CommandError(str(error)) from error

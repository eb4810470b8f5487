"""Filters whose choices come from declarations, so that no table is read to offer them."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sagas.choreography import CHOREOGRAPHIES
from sagas.models import Case
from sagas.participant import PARTICIPANTS
from sagas.reconciliation import PREDICATES, SOURCES


class _Declared(admin.SimpleListFilter):
    """Compares one column with a declared name."""

    def names(self) -> Iterable[str]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(self.names())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class ChoreographyFilter(_Declared):
    """By choreography."""

    title = _("choreography")
    parameter_name = "choreography"

    def names(self) -> Iterable[str]:
        return CHOREOGRAPHIES


class ConsumerFilter(_Declared):
    """By participant, of deliveries."""

    title = _("consumer")
    parameter_name = "consumer"

    def names(self) -> Iterable[str]:
        return PARTICIPANTS


class ContextFilter(_Declared):
    """By context, of events."""

    title = _("context")
    parameter_name = "context"

    def names(self) -> Iterable[str]:
        return [*PARTICIPANTS, "sagas"]


class NeedsPersonFilter(admin.SimpleListFilter):
    """Sagas with an open case."""

    title = _("needs a person")
    parameter_name = "needs_a_person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "yes":
            return queryset
        open_cases = Case.objects.using(queryset.db).filter(saga_id=OuterRef("pk"), closed_at=None)
        return queryset.filter(Exists(open_cases))


class PredicateFilter(_Declared):
    """By predicate, of findings."""

    title = _("predicate")
    parameter_name = "predicate"

    def names(self) -> Iterable[str]:
        return PREDICATES


class SourceFilter(_Declared):
    """By whose statement it is."""

    title = _("statement")
    parameter_name = "source"

    def names(self) -> Iterable[str]:
        return SOURCES


class OpenFilter(admin.SimpleListFilter):
    """Open or closed cases."""

    title = _("open")
    parameter_name = "open"
    #: The time that is not there yet while it is open.
    ended = "closed_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{f"{self.ended}__isnull": value == "yes"}) if value else queryset


class UnresolvedFilter(OpenFilter):
    """Findings that are still there, or are not any more."""

    ended = "resolved_at"

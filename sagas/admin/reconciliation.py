"""Admin of reconciliation: its runs, what they found, and the statements that were read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from sagas.admin.filters import PredicateFilter, SourceFilter, UnresolvedFilter
from sagas.admin.pages import WithSagaLink
from sagas.admin.readonly import ReadOnlyAdmin
from sagas.reconciled import ReconciliationFinding, ReconciliationPass, ReconciliationRun
from sagas.reconciliation.predicate import amount_of, sentence_of, text_of

if TYPE_CHECKING:
    _Inline = admin.TabularInline[ReconciliationPass, ReconciliationRun]
else:
    _Inline = admin.TabularInline


class PassInline(_Inline):
    """What a run did about each predicate."""

    model = ReconciliationPass
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "predicate", "sentence", "phase", "since", "reached", "looked", "found", "resolved",
        "repaired", "asked", "error",
    )  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see the run may see what it consists of."""
        return request.user.has_perm("sagas.view_reconciliationrun")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("what must hold"))
    def sentence(self, row: ReconciliationPass) -> str:
        return sentence_of(row.predicate)


class ReconciliationRunAdmin(ReadOnlyAdmin):
    """Runs; the page of one shows every predicate of it."""

    list_display = (
        "started_at", "state", "actor", "looked", "per_second", "found", "resolved", "repaired",
        "asked", "ended_at",
    )  # fmt: skip
    list_filter = ("state", "is_full", "is_periodic")
    inlines = (PassInline,)

    @admin.display(description=_("per second"))
    def per_second(self, row: ReconciliationRun) -> str | None:
        return f"{row.rate:,.0f}" if row.rate else None


class ReconciliationFindingAdmin(WithSagaLink, ReadOnlyAdmin):
    """What breaks predicates, or did."""

    list_display = (
        "predicate", "business_key", "seen", "amount", "first_seen_at", "last_seen_at",
        "resolved_at", "repaired_by", "case_link", "saga",
    )  # fmt: skip
    list_filter = (UnresolvedFilter, PredicateFilter)
    list_select_related = ("case",)
    readonly_fields = ("sentence", "seen", "amount", "case_link")
    search_help_text = _("A finding's or a saga's id, or a business key; whole.")
    search_ids = ("id", "saga_id", "case_id")
    search_texts = ("business_key", "subject")

    @admin.display(description=_("what must hold"))
    def sentence(self, row: ReconciliationFinding) -> str:
        return sentence_of(row.predicate)

    @admin.display(description=_("what was seen"))
    def seen(self, row: ReconciliationFinding) -> str:
        return text_of(row.predicate, row)

    @admin.display(description=_("amount"))
    def amount(self, row: ReconciliationFinding) -> str | None:
        return amount_of(row) or None

    @admin.display(description=_("case"))
    def case_link(self, row: ReconciliationFinding) -> str | None:
        """Lead to the case; a closed one is said to be."""
        if row.case is None:
            return None
        said = _("closed") if row.case.closed_at else row.case.owner or _("open")
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:sagas_case_change", args=[row.case_id]), said
        )


class StatementSourceAdmin(ReadOnlyAdmin):
    """How far other parties' statements have been read."""

    list_display = ("name", "lines", "complete_until", "tried_at", "error")
    ordering = ("name",)


class StatementLineAdmin(ReadOnlyAdmin):
    """What other parties state."""

    list_display = (
        "at", "source", "kind", "their_id", "reference", "amount_minor", "currency", "payout",
    )  # fmt: skip
    list_filter = (SourceFilter,)
    search_help_text = _("Their id, our reference, or a payout's id; whole.")
    search_texts = ("their_id", "reference", "payout")

"""The admin's pages, one per table."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from sagas import dead_letter
from sagas import pause as pausing
from sagas.admin.deeds import pausable_names
from sagas.admin.edit import EditDeadMixin
from sagas.admin.filters import (
    ChoreographyFilter,
    ConsumerFilter,
    ContextFilter,
    NeedsPersonFilter,
    OpenFilter,
)
from sagas.admin.readonly import ReadOnlyAdmin
from sagas.admin.verbs import Verb, VerbAdmin, actor_of
from sagas.approval import approve
from sagas.case import close_case
from sagas.models import Case, Delivery, Pause, Saga, SagaStatus
from sagas.projection import find, overview
from sagas.projection.words import last_line

if TYPE_CHECKING:
    _PauseForm = forms.ModelForm[Pause]
else:
    _PauseForm = forms.ModelForm


def saga_link(saga_id: UUID) -> str:
    """Return a link to a saga's page."""
    return format_html(
        '<a href="{}">{}</a>', reverse("admin:sagas_saga_change", args=[saga_id]), saga_id
    )


class WithSagaLink:
    """A column that leads to the saga."""

    @admin.display(description=_("saga"))
    def saga(self, row: Any) -> str | None:
        return saga_link(row.saga_id) if row.saga_id else None


class SagaAdmin(ReadOnlyAdmin):
    """Sagas; the page of one is its timeline."""

    list_display = (
        "choreography", "name", "status", "direction", "needs_a_person", "started_at", "ended_at",
    )  # fmt: skip
    list_display_links = ("choreography", "name")
    list_filter = (NeedsPersonFilter, ChoreographyFilter, "status", "direction")
    search_help_text = _("A saga's id, a business key, or an order number; whole.")
    search_ids = ("id",)
    search_texts = ("key", "label")
    change_form_template = "admin/sagas/saga/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Saga]:
        open_cases = Case.objects.filter(saga_id=OuterRef("pk"), closed_at=None)
        rows: QuerySet[Saga] = super().get_queryset(request)
        return rows.annotate(has_open_case=Exists(open_cases))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Leave the lanes of free events out, unless somebody asks for them."""
        rows, may_repeat = super().get_search_results(request, queryset, search_term)
        if "status__exact" not in request.GET and not search_term:
            rows = rows.exclude(status=SagaStatus.FREE)
        return rows, may_repeat

    @admin.display(description=_("name"), ordering="label")
    def name(self, row: Saga) -> str:
        return row.label or row.key

    @admin.display(description=_("needs a person"))
    def needs_a_person(self, row: Any) -> Any:
        return _("Yes") if row.has_open_case else None

    def _search(self, text: str) -> Q:
        return Q(pk__in=[saga.pk for saga in find(text)])

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the timeline instead of a form."""
        seen = overview(kwargs["obj"])
        context |= {
            "seen": seen,
            "title": str(seen.saga),
            "subtitle": None,
            "may": {
                verb.name: request.user.has_perm(verb.permission)
                for verb in (*DeliveryAdmin.verbs, *CaseAdmin.verbs)
            }
            | {"edit": request.user.has_perm("sagas.edit_delivery")},
        }
        return super().render_change_form(request, context, *args, **kwargs)


class StoredEventAdmin(WithSagaLink, ReadOnlyAdmin):
    """The log."""

    list_display = (
        "recorded_at", "type", "subject_model", "subject_key", "from_state", "to_state", "actor",
        "saga",
    )  # fmt: skip
    list_filter = (ContextFilter,)
    search_help_text = _("An event's or a saga's id, or the key of a subject; whole.")
    search_ids = ("id", "saga_id", "cause")
    search_texts = ("subject_key",)


class DeliveryAdmin(EditDeadMixin, WithSagaLink, VerbAdmin):
    """Deliveries that are open; a done one is no row any more."""

    list_display = (
        "step", "event_type", "state", "attempts", "available_at", "said", "saga",
    )  # fmt: skip
    list_filter = ("state", "kind", ConsumerFilter)
    list_select_related = ("event",)
    search_help_text = _("A delivery's, an event's or a saga's id; whole.")
    search_ids = ("id", "saga_id", "event_id")
    verbs = (
        Verb(
            name="retry",
            label=_("Try again"),
            meaning=_("What is dead goes back to work, with its attempts forgotten."),
            permission="sagas.retry_delivery",
            act=lambda row, **told: dead_letter.retry_dead(row.pk, using=row._state.db, **told),
        ),
        Verb(
            name="approve",
            label=_("Approve"),
            meaning=_("What is braked goes out, although its cap is reached."),
            permission="sagas.approve_call",
            act=lambda row, **told: approve(row.pk, using=row._state.db, **told),
        ),
        Verb(
            name="skip",
            label=_("Skip"),
            meaning=_(
                "What is dead or braked will never be done, and its lane goes on without it."
            ),
            permission="sagas.skip_delivery",
            act=lambda row, **told: dead_letter.skip_dead(row.pk, using=row._state.db, **told),
        ),
    )

    @admin.display(description=_("step"))
    def step(self, row: Delivery) -> str:
        return f"{row.consumer}.{row.purpose}"

    @admin.display(description=_("event"))
    def event_type(self, row: Delivery) -> str:
        return row.event.type

    @admin.display(description=_("said"))
    def said(self, row: Delivery) -> str:
        return last_line(row.error, limit=100) or row.reason


class CaseAdmin(WithSagaLink, VerbAdmin):
    """What waits for a person."""

    list_display = ("opened_at", "kind", "owner", "detail", "saga", "closed_at", "closed_by")
    list_filter = (OpenFilter, "kind", "owner")
    search_help_text = _("A case's, a saga's or a delivery's id; whole.")
    search_ids = ("id", "saga_id", "delivery_id")
    verbs = (
        Verb(
            name="close",
            label=_("Close"),
            meaning=_("It has been dealt with; the reason you give is kept as its note."),
            permission="sagas.close_case",
            act=close_case,
        ),
    )


class IntentAdmin(WithSagaLink, ReadOnlyAdmin):
    """Calls to the outside."""

    list_display = ("started_at", "step", "key", "n", "state", "inquiries", "answered_at", "saga")
    list_filter = ("state",)
    search_help_text = _("An idempotency key, a saga's id, or a business key; whole.")
    search_ids = ("id", "saga_id", "idempotency_key")
    search_texts = ("key",)


class SlotAdmin(ReadOnlyAdmin):
    """Workers, and what they have in their hands."""

    list_display = ("worker", "seen_at", "handled", "refused_fences")
    ordering = ("-seen_at",)


class BreakerAdmin(ReadOnlyAdmin):
    """Gateways that have not always answered, and whether calls go out to them."""

    list_display = ("name", "state", "failures", "opened_at", "retry_at", "ramp")
    list_filter = ("state",)
    ordering = ("name",)


class PauseForm(_PauseForm):
    """What to pause, and why."""

    name = forms.ChoiceField(label=_("name"), choices=pausable_names)

    class Meta:
        model = Pause
        fields = ("name", "reason")


class PauseAdmin(VerbAdmin):
    """What is paused. Adding pauses, through the engine."""

    form = PauseForm
    list_display = ("name", "reason", "actor", "paused_at")
    ordering = ("name",)
    fields = ("name", "reason")
    verbs = (
        Verb(
            name="resume",
            label=_("Resume"),
            meaning=_("What was held up goes on."),
            permission="sagas.pause",
            act=lambda row, **told: pausing.resume(row.name, using=row._state.db, **told),
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sagas.pause")

    def save_model(self, request: HttpRequest, obj: Pause, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Pause; the row is written by the engine."""
        pausing.pause(obj.name, actor=actor_of(request), reason=obj.reason)
        obj.refresh_from_db()

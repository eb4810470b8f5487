"""Edit: correcting the event of a dead delivery, for its consumer only (decision 26)."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sagas.admin.verbs import ReasonForm, VerbAdmin, actor_of
from sagas.dead_letter import edit_dead
from sagas.exceptions import SagaError
from sagas.models import Delivery, DeliveryState

_PERMISSION = "sagas.edit_delivery"


class IndentedJSONField(forms.JSONField):
    """JSON that a person can read."""

    def prepare_value(self, value: Any) -> Any:
        """Indent what is first shown; leave alone what was typed."""
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False)
        return super().prepare_value(value)


class PayloadForm(ReasonForm):
    """The corrected payload, and why."""

    payload = IndentedJSONField(
        label=gettext_lazy("Payload"),
        help_text=gettext_lazy("Amounts of money can't be changed here."),
        widget=forms.Textarea(
            attrs={"rows": 20, "class": "vLargeTextField", "spellcheck": "false"}
        ),
    )
    field_order = ("payload", "reason")

    def clean_payload(self) -> dict[str, Any]:
        """Refuse anything but an object."""
        payload = self.cleaned_data["payload"]
        if not isinstance(payload, dict):
            raise forms.ValidationError(_("A payload is an object: {…}."))
        return payload


class EditDeadMixin(VerbAdmin):
    """Adds the page that corrects a dead delivery's event."""

    def get_urls(self) -> list[URLPattern]:
        """Add its address."""
        view = self.admin_site.admin_view(self.edit_view)
        return [
            path("<path:object_id>/edit/", view, name="sagas_delivery_edit"),
            *super().get_urls(),
        ]

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the payload, or replace it by the corrected one."""
        row = self._dead(request, object_id)
        form = PayloadForm(request.POST or None, initial={"payload": row.event.payload})
        if form.is_valid() and self._replaced(request, row, form):
            return HttpResponseRedirect(reverse("admin:sagas_saga_change", args=[row.saga_id]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Correct %(event)s") % {"event": row.event.type},
            "opts": self.opts,
            "row": row,
            "step": f"{row.consumer}.{row.purpose}",
            "form": form,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/sagas/edit.html", context)

    def _dead(self, request: HttpRequest, object_id: str) -> Delivery:
        if not request.user.has_perm(_PERMISSION):
            raise PermissionDenied
        row: Delivery | None = self.get_object(request, unquote(object_id))
        if row is None or row.state != DeliveryState.DEAD:
            raise Http404(_("It is not dead any more: somebody else was faster."))
        return row

    def _replaced(self, request: HttpRequest, row: Delivery, form: PayloadForm) -> bool:
        """Replace the event; put what is wrong into the form."""
        before, after = row.event.payload, form.cleaned_data["payload"]
        if missing := before.keys() - after.keys():
            form.add_error(
                "payload", _("Missing: %(names)s") % {"names": ", ".join(sorted(missing))}
            )
            return False
        changes = {name: value for name, value in after.items() if before.get(name, ...) != value}
        if not changes:
            form.add_error("payload", _("Nothing was changed."))
            return False
        reason = form.cleaned_data["reason"]
        try:
            edit_dead(
                row.pk,
                changes,
                actor=actor_of(request),
                reason=reason,
                using=row._state.db or "default",
            )
        except (ValueError, SagaError) as error:
            form.add_error("payload", str(error))
            return False
        corrected = _("Corrected: %(names)s") % {"names": ", ".join(changes)}
        self.log_change(request, row, f"{corrected}: {reason}")
        self.message_user(request, _("The corrected event is on its way."), messages.SUCCESS)
        return True

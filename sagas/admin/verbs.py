"""Verbs: what an operator may do to a row: always through the engine, with a reason, and logged.

A verb is offered as a bulk action and as a link on a row's page; both lead to one page that says
what will happen and asks why.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sagas.admin.readonly import ReadOnlyAdmin

#: Of more rows than this, only the number is shown before acting.
_SHOWN = 50


class ReasonForm(forms.Form):
    """Why; it becomes part of the fact that is kept (G10)."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        max_length=2000,
    )


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One thing that may be done to a row.

    `act(row, actor=, reason=)` calls the engine and says whether anything changed; it raises
    ValueError with a text for the operator when it must not be done. What else `form` asks for it
    gets by the fields' names.
    """

    name: str
    label: Any
    #: What will happen, as a sentence.
    meaning: Any
    permission: str
    act: Callable[..., bool]
    form: type[ReasonForm] = ReasonForm


class VerbAdmin(ReadOnlyAdmin):
    """A read-only page whose rows can be acted on."""

    change_form_template = "admin/sagas/verb_change_form.html"
    verbs: tuple[Verb, ...] = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer each verb that the user is permitted."""
        offered: dict[str, Any] = dict(super().get_actions(request))
        for verb in self._permitted(request):
            offered[verb.name] = (partial(_bulk, verb=verb), verb.name, verb.label)
        return offered

    def get_urls(self) -> list[URLPattern]:
        """Add one address per verb and row."""
        own = [
            path(
                f"<path:object_id>/{verb.name}/",
                self.admin_site.admin_view(partial(self._single, verb=verb)),
                name=self._url_name(verb),
            )
            for verb in self.verbs
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Offer the verbs on the row's page."""
        links = [
            {"label": verb.label, "url": reverse(f"admin:{self._url_name(verb)}", args=[object_id])}
            for verb in self._permitted(request)
        ]
        context = {**(extra_context or {}), "verb_links": links}
        return super().change_view(request, object_id, form_url, context)

    def _permitted(self, request: HttpRequest) -> list[Verb]:
        return [verb for verb in self.verbs if request.user.has_perm(verb.permission)]

    def _url_name(self, verb: Verb) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{verb.name}"

    def _single(self, request: HttpRequest, object_id: str, *, verb: Verb) -> HttpResponse:
        if not request.user.has_perm(verb.permission):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404(_("It is not there any more: somebody else was faster."))
        return self.confirm(request, [row], verb) or HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        )

    def confirm(
        self, request: HttpRequest, rows: Iterable[Model] | QuerySet[Any], verb: Verb
    ) -> HttpResponse | None:
        """Ask why, or act when a reason has been given; None means that it is done."""
        form = verb.form(request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            self._act_on(request, rows, verb, form.cleaned_data)
            return None
        return self._page(request, rows, verb, form)

    def _page(
        self,
        request: HttpRequest,
        rows: Iterable[Model] | QuerySet[Any],
        verb: Verb,
        form: ReasonForm,
    ) -> HttpResponse:
        count = rows.count() if isinstance(rows, QuerySet) else len(list(rows))
        context = {
            **self.admin_site.each_context(request),
            "title": verb.label,
            "opts": self.opts,
            "verb": verb,
            "form": form,
            "rows": list(rows[:_SHOWN]) if isinstance(rows, QuerySet) else list(rows),
            "more": max(count - _SHOWN, 0),
            "checkbox": ACTION_CHECKBOX_NAME,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/sagas/confirm.html", context)

    def _act_on(
        self, request: HttpRequest, rows: Iterable[Model], verb: Verb, given: dict[str, Any]
    ) -> None:
        """Do it to each row in a transaction of its own, log it, and say what came of it."""
        done = 0
        for row in list(rows):
            try:
                done += self._act_on_one(request, row, verb, given)
            except ValueError as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)
        self.message_user(
            request,
            ngettext("%(verb)s: %(count)s row.", "%(verb)s: %(count)s rows.", done)
            % {"verb": verb.label, "count": done},
            messages.SUCCESS if done else messages.WARNING,
        )

    def _act_on_one(
        self, request: HttpRequest, row: Model, verb: Verb, given: dict[str, Any]
    ) -> bool:
        label, key = str(row), row.pk
        changed = verb.act(row, actor=actor_of(request), **given)
        row.pk = key
        if changed:
            self.log_change(request, row, f"{verb.label}: {given['reason']} ({label})")
        return changed


def _bulk(
    model_admin: VerbAdmin, request: HttpRequest, queryset: QuerySet[Any], *, verb: Verb
) -> HttpResponse | None:
    return model_admin.confirm(request, queryset, verb)


def actor_of(request: HttpRequest) -> str:
    """Return who acts, as an actor of the log."""
    return f"admin:{request.user.get_username()}"

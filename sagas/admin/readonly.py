"""Read-only admin pages: state changes only through transitions that announce (decision 27)."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from sagas.money import Money

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    _Inline = admin.TabularInline[Any, Any]
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _Inline = admin.TabularInline
    _ModelAdmin = admin.ModelAdmin


def page_link(page: str, key: object, said: object) -> str:
    """Link to the admin page of a row that may be another context's; without one, only its key."""
    try:
        return format_html('<a href="{}">{}</a>', reverse(page, args=[key]), said)
    except NoReverseMatch:
        return str(key)


def money_column(field: str, label: "_StrPromise", *, of: str = "") -> Any:
    """Return a column that shows an amount in minor units as people read it.

    The currency is the row's own, or that of the row it belongs to by the field `of`. Pages take
    a function for a column; Django's types know only names.
    """

    @admin.display(description=label, ordering=field)
    def shown(row: Model) -> str:
        owner: Any = getattr(row, of) if of else row
        return str(Money(getattr(row, field), owner.currency))

    return shown


class ReadOnlyInline(_Inline):
    """Rows that belong to the page's own; nothing can be changed."""

    extra = 0
    can_delete = False
    #: What is shown beside each row, read together with the rows.
    joins: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.joins) if self.joins else rows  # without names: all

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(_ModelAdmin):
    """Shows rows; offers no form, no new row and no deletion."""

    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)
    actions_on_bottom = False

    #: Fields that a searched id is compared with.
    search_ids: tuple[str, ...] = ()
    #: Fields that a searched text is compared with, whole: a search is an index probe.
    search_texts: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the search box where something can be searched."""
        return (*self.search_ids, *self.search_texts)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find rows by a whole id or a whole text."""
        text = search_term.strip()
        return (queryset.filter(self._search(text)) if text else queryset), False

    def _search(self, text: str) -> Q:
        wanted = Q(pk__in=())
        for name in self.search_texts:
            wanted |= Q(**{name: text})
        try:
            searched = UUID(text)
        except ValueError:
            return wanted
        for name in self.search_ids:
            wanted |= Q(**{name: searched})
        return wanted

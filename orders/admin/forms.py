"""What operators are asked beside the reason: which units, how much money."""

import re

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sagas.admin.verbs import ReasonForm

#: A line and how many of its units: "1x2".
_NAMED = re.compile(r"(\d+)\s*[x:]\s*(\d+)")


class LinesField(forms.CharField):
    """Lines with their units, as "1x2, 3x1"; a value is a list of (line number, quantity)."""

    def to_python(self, value: str | None) -> list[tuple[int, int]]:  # type: ignore[override]
        """Read the lines. Raises ValidationError for anything else."""
        parts = [part.strip() for part in (super().to_python(value) or "").split(",")]
        found = [_NAMED.fullmatch(part) for part in parts if part]
        if None in found:
            message = _("Write each line as its number, x and how many: 1x2, 3x1.")
            raise forms.ValidationError(message)
        return [(int(each[1]), int(each[2])) for each in found if each is not None]


class LinesForm(ReasonForm):
    """Which units, and why."""

    lines = LinesField(
        label=gettext_lazy("Lines"),
        help_text=gettext_lazy("Line number x units, separated by commas: 1x2, 3x1."),
    )
    field_order: tuple[str, ...] = ("lines", "reason")


class ReturnForm(LinesForm):
    """Which units, whose fault, and why."""

    fault = forms.BooleanField(label=gettext_lazy("The shop's fault"), required=False)
    field_order = ("lines", "fault", "reason")


class AmountForm(ReasonForm):
    """How much money, and why."""

    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        help_text=gettext_lazy("In the order's currency, such as 12.50."),
    )
    field_order = ("amount", "reason")

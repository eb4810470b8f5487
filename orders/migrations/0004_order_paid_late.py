from typing import Any

from django.db import migrations, models


def note_late_payments(apps: Any, schema_editor: Any) -> None:
    """Note of orders that were paid too late before that was noted."""
    orders = apps.get_model("orders", "Order").objects.using(schema_editor.connection.alias)
    orders.filter(cases__kind="late_success").update(is_paid_late=True)


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_case_operation"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="is_paid_late",
            field=models.BooleanField(default=False, verbose_name="paid too late"),
        ),
        migrations.RunPython(note_late_payments, migrations.RunPython.noop),
    ]

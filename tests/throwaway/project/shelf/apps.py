"""The bookshop's app and its one signal receiver."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save

HEARD: list[str] = []


def hear(sender: Any, instance: Any, **_: Any) -> None:
    """Note which row was saved, as a search index would."""
    HEARD.append(f"{sender.__name__} {instance.get_stage_display()}")


class ShelfConfig(AppConfig):
    """Connects the receiver."""

    name = "shelf"

    def ready(self) -> None:
        """Listen to copies that are put aside."""
        post_save.connect(hear, sender=self.get_model("Hold"), dispatch_uid="shelf.hear")

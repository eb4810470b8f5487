"""Admin: where operators look and act. Nothing here writes but through the engine (decision 27)."""

from django.contrib import admin

from sagas.admin.pages import (
    CaseAdmin,
    DeliveryAdmin,
    IntentAdmin,
    PauseAdmin,
    SagaAdmin,
    SlotAdmin,
    StoredEventAdmin,
)
from sagas.models import Case, Delivery, Intent, Pause, Saga, Slot, StoredEvent

admin.site.register(Saga, SagaAdmin)
admin.site.register(StoredEvent, StoredEventAdmin)
admin.site.register(Delivery, DeliveryAdmin)
admin.site.register(Case, CaseAdmin)
admin.site.register(Intent, IntentAdmin)
admin.site.register(Pause, PauseAdmin)
admin.site.register(Slot, SlotAdmin)

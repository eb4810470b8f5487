"""Admin: where operators look and act. Nothing here writes but through the engine (decision 27)."""

from django.contrib import admin

from sagas.admin.pages import (
    BreakerAdmin,
    CaseAdmin,
    DeliveryAdmin,
    IntentAdmin,
    PauseAdmin,
    SagaAdmin,
    SlotAdmin,
    StoredEventAdmin,
)
from sagas.admin.reconciliation import (
    ReconciliationFindingAdmin,
    ReconciliationRunAdmin,
    StatementLineAdmin,
    StatementSourceAdmin,
)
from sagas.models import Breaker, Case, Delivery, Intent, Pause, Saga, Slot, StoredEvent
from sagas.reconciled import (
    ReconciliationFinding,
    ReconciliationRun,
    StatementLine,
    StatementSource,
)

admin.site.register(Saga, SagaAdmin)
admin.site.register(StoredEvent, StoredEventAdmin)
admin.site.register(Delivery, DeliveryAdmin)
admin.site.register(Case, CaseAdmin)
admin.site.register(Intent, IntentAdmin)
admin.site.register(Pause, PauseAdmin)
admin.site.register(Breaker, BreakerAdmin)
admin.site.register(Slot, SlotAdmin)
admin.site.register(ReconciliationRun, ReconciliationRunAdmin)
admin.site.register(ReconciliationFinding, ReconciliationFindingAdmin)
admin.site.register(StatementSource, StatementSourceAdmin)
admin.site.register(StatementLine, StatementLineAdmin)

"""The bookshop's addresses; every request is one transaction (ATOMIC_REQUESTS)."""
# mypy: disable-error-code="import-not-found"

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from sagas.outbox import publish, saga_transaction
from shelf.events import SaleCollected, SalePlaced
from shelf.models import Sale


def _place(request: HttpRequest) -> Sale:
    customer, isbn = request.POST["customer"], request.POST["isbn"]
    with saga_transaction(Sale.objects.create(customer=customer, isbn=isbn)) as sale:
        sale.place()
        publish(SalePlaced(sale_id=sale.pk, customer=customer, isbn=isbn), of=sale, actor=customer)
    return sale


def buy(request: HttpRequest) -> HttpResponse:
    """Sell a book."""
    return JsonResponse({"sale": _place(request).pk})


def collect(request: HttpRequest) -> HttpResponse:
    """Hand a wrapped book to its customer."""
    with saga_transaction(Sale.objects.get(pk=request.POST["sale"])) as sale:
        sale.collect()
        publish(SaleCollected(sale_id=sale.pk), of=sale, actor=sale.customer)
    return JsonResponse({"sale": sale.pk})


def stumble(request: HttpRequest) -> HttpResponse:
    """Sell a book and fail afterwards: nothing of it may remain."""
    _place(request)
    message = "the view fails after its saga transaction"
    raise RuntimeError(message)


urlpatterns = [path("buy", buy), path("collect", collect), path("stumble", stumble)]

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from shops.models import Order


def orders(request: HttpRequest) -> JsonResponse:
    """Place an order as any code does, by the ORM."""
    order = Order.objects.create(shop_id=request.POST["shop"], item=request.POST["item"])
    return JsonResponse({"id": str(order.pk)})


def delivered(request: HttpRequest) -> JsonResponse:
    """All orders of a shop have been delivered: each of them is an event."""
    placed = Order.objects.filter(shop_id=request.POST["shop"], state="placed")
    return JsonResponse({"orders": placed.update(state="delivered")})

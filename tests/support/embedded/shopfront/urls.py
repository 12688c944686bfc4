from __future__ import annotations

from django.urls import path

from shops import views

urlpatterns = [path("orders", views.orders), path("delivered", views.delivered)]

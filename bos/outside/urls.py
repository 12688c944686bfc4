"""Addresses of a person's own messages, under /account/messages/."""

from __future__ import annotations

from django.urls import path

from bos.outside import views

urlpatterns = [
    path("", views.messages_page, name="account-messages"),
    path("browsers/<uuid:id_>/remove/", views.remove_browser, name="remove-browser"),
    path("test/<str:medium>/", views.send_test, name="test-message"),
    path("stop/<str:token>/", views.stop_page, name="stop-messages"),
]

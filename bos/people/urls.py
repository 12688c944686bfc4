"""Addresses of one's own account, under /account."""

from __future__ import annotations

from django.urls import path

from bos.people import views

urlpatterns = [
    path("", views.account, name="account"),
    path("password/reset/", views.forgotten, name="account_reset_password"),
    path("password/reset/sent/", views.forgotten_sent, name="account_forgotten_sent"),
    path(
        "password/set/<uidb64>/<token>/",
        views.SetPasswordView.as_view(),
        name="account_set_password",
    ),
    path("password/change/", views.change_password, name="account_own_password"),
    path("sign-ins/others/end/", views.end_other_sign_ins, name="account_end_others"),
    path("sign-ins/<uuid:id_>/end/", views.end_sign_in, name="account_end_sign_in"),
    path("data/", views.own_data, name="account_data"),
]

"""Addresses under /account/. allauth's own views of second factors keep their names."""

from __future__ import annotations

from allauth.account.views import reauthenticate
from django.urls import include, path

from bos.identity import oidc, views

urlpatterns = [
    path("login/", views.LoginView.as_view(), name="account_login"),
    path("logout/", views.sign_out, name="account_logout"),
    path("reauthenticate/", reauthenticate, name="account_reauthenticate"),
    path("again/", views.sign_in_again, name="account_again"),
    path("2fa/totp/activate/", views.AddAppView.as_view(), name="mfa_activate_totp"),
    path("2fa/webauthn/login/", views.passkey_login, name="mfa_login_webauthn"),
    path("2fa/", include("allauth.mfa.urls")),
    path("oidc/<slug:provider_id>/login/", oidc.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/callback/", oidc.callback, name="openid_connect_callback"),
]

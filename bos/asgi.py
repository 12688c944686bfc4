"""HTTP by Django, WebSockets by the kernel."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bos.settings")

import django
from channels.routing import ProtocolTypeRouter

django.setup(set_prefix=False)  # before what follows: it loads the apps

from bos.checks import refuse_wrong_settings  # noqa: E402 -- needs the settings
from bos.web.http import HttpApplication  # noqa: E402 -- needs the settings
from sync.gateway.routing import websocket_application  # noqa: E402 -- needs the settings

refuse_wrong_settings()
application = ProtocolTypeRouter({"http": HttpApplication(), "websocket": websocket_application()})

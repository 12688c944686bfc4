"""HTTP by Django, WebSockets by the kernel."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bos.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

_http = get_asgi_application()  # before the routing: it loads the apps

from sync.routing import websocket_application  # noqa: E402

application = ProtocolTypeRouter({"http": _http, "websocket": websocket_application()})

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopfront.settings")
http = get_asgi_application()  # before what follows: it loads the apps

from sync.gateway.routing import websocket_application  # noqa: E402 -- needs the apps

application = ProtocolTypeRouter({"http": http, "websocket": websocket_application()})

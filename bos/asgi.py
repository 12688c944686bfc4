"""HTTP by Django, WebSockets by the kernel."""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bos.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

# Static files are served by whitenoise's synchronous iterator: small, and in production behind
# a proxy that keeps them.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")

_http = get_asgi_application()  # before the routing: it loads the apps

from sync.routing import websocket_application  # noqa: E402 -- behind the apps

application = ProtocolTypeRouter({"http": _http, "websocket": websocket_application()})

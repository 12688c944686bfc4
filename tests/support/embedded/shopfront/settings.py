from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shopfront.urls"
ASGI_APPLICATION = "shopfront.asgi.application"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "sync",
    "shops",
]

DATABASES = {
    "default": {
        "ENGINE": "sync.db.sqlite3",  # or sync.db.postgresql
        "NAME": os.environ.get("SHOPFRONT_DATABASE", BASE_DIR / "shopfront.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},  # SQLite only
    }
}

REDIS_URL = os.environ.get("REDIS_URL")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "shopfront"},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

SYNC = {
    "authenticator": "shops.people.authenticator",
    "redis_urls": (REDIS_URL,) if REDIS_URL else (),
    "redis_prefix": "shopfront",
}

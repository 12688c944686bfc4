"""Addresses under /api/v1."""

from __future__ import annotations

from bos.api.reading import paths
from collaboration.reading import READABLES

urlpatterns = [*paths(*READABLES)]

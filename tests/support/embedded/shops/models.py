from __future__ import annotations

from django.db import models

from sync.eventlog.querysets import SyncedModel, SyncedQuerySet


class Shop(SyncedModel):
    """A shop of a chain; chains are the tenants, and each has a log of its own."""

    chain = models.CharField(max_length=64)
    name = models.CharField(max_length=100)

    objects = SyncedQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name


class Order(SyncedModel):
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE)
    item = models.CharField(max_length=100)
    state = models.CharField(max_length=20, default="placed")

    objects = SyncedQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.item

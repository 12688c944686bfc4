"""Pages of very many values, newest first, without sorting them all."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.db.models import F, OuterRef, QuerySet, Subquery

from kpis.models import Kpi, KpiValue

if TYPE_CHECKING:  # generic for the type checker only
    PagesOfValues = Paginator[KpiValue]
else:
    PagesOfValues = Paginator

NEWEST_FIRST = ("-at", "-pk")
"""As the admin orders values where nobody orders them otherwise."""


class NewestFirst(PagesOfValues):
    """Pages of these values, which are ordered NEWEST_FIRST and may be filtered.

    kpis: those that the values are of, and maybe others.
    """

    object_list: QuerySet[KpiValue]

    def __init__(self, values: QuerySet[KpiValue], per_page: int, *, kpis: QuerySet[Kpi]) -> None:
        super().__init__(values, per_page)
        self._kpis = kpis

    def page(self, number: Any) -> Page[KpiValue]:
        """Raises InvalidPage as Django's does."""
        number = self.validate_number(number)
        first, upto = (number - 1) * self.per_page, number * self.per_page
        values, since = self.object_list, self._oldest_of(upto)
        if since is not None:
            values = values.filter(at__gte=since)
        # The index has what orders them: only the rows of this page are read.
        ids = list(values.values_list("pk", flat=True)[first:upto])
        return Page(self.object_list.filter(pk__in=ids), number, self)

    def _oldest_of(self, number: int) -> datetime | None:
        """Return a time since which there are at least so many values; None where it is not known.

        Of the newest value of each KPI, which an index gives, it is the time of the last one of the
        newest so many. The database would sort the values of all KPIs for the exact one.
        """
        own = self.object_list.filter(kpi=OuterRef("pk")).order_by("-at").values("at")[:1]
        newest = self._kpis.order_by(F("newest").desc(nulls_last=True))
        times = newest.annotate(newest=Subquery(own)).values_list("newest", flat=True)
        return next(iter(times[number - 1 : number]), None)

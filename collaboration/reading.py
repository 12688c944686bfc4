"""Sessions and their notes, as they are read by GET (decision D3)."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django_filters import Filter, FilterSet

from bos.api.parameters import FlagFilter, IdFilter, SearchFilter, SinceFilter
from bos.api.readables import CHANGED
from bos.api.reading import Readable, Rows
from bos.permissions import departments_of
from bos.things import all_things
from collaboration.models import Annotation, Session
from collaboration.services.sessions import OPEN_TO_ALL, followed_by
from sync.protocol.identity import Principal

# ------------------------------------------------------------------ rows


def readable_sessions(principal: Principal) -> Rows:
    """Those that run and are open to all, and those that the principal may follow."""
    followed = Q(pk__in=followed_by(principal).values("pk"))
    rows: Rows = Session.objects.of(principal.organization_id).filter(OPEN_TO_ALL | followed)
    return rows


def readable_notes(principal: Principal) -> Rows:
    """Those of sessions that the principal may follow, and those on things that they may see.

    Not of a session that is only announced to them: its notes are shown to those who join it. Of a
    thing that is in another organization now, the notes are still this one's, and shown here alone.
    """
    readable = Q(session__in=followed_by(principal).values("pk"))
    own = Q(thing__organization_id=principal.organization_id)
    for thing in all_things():
        of_tenant = thing.rows().filter(organization_id=principal.organization_id)
        seen = of_tenant.filter(thing.visible_to(principal)).values("pk")
        readable |= own & Q(thing__entity_type=thing.entity_type, thing__entity_id__in=seen)
    readable |= own & Q(thing__open_to_organization=True)
    readable |= own & Q(thing__department_id__in=departments_of(principal))
    notes: Rows = Annotation.objects.filter(readable)
    return notes.select_related("author", "thing")


# ------------------------------------------------------------------ filters


class ThingField(forms.Field):
    """A thing that notes are pinned to: `kpi:<id>`."""

    schema: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^[^:]+:.+$"}

    def to_python(self, value: Any) -> tuple[str, str] | None:
        if value in (None, ""):
            return None
        type_, _, id_ = str(value).partition(":")
        if not type_ or not id_ or "\0" in value:
            raise ValidationError("A type and an id, like kpi:2f1c….")
        return type_, id_


class ThingFilter(Filter):
    field_class = ThingField

    def filter(self, rows: Rows, value: tuple[str, str] | None) -> Rows:
        if value is None:
            return rows
        type_, id_ = value
        return rows.filter(entity_type=type_, entity_id=id_)


class SessionFilters(FilterSet):
    search = SearchFilter("title", help_text="Has this in its title.")
    running = FlagFilter("ended_at", lookup_expr="isnull", help_text="Running, or ended.")
    host = IdFilter(help_text="Hosted by this user.")
    since = SinceFilter("created_at", help_text="Begun at this time or later.")


class AnnotationFilters(FilterSet):
    session = IdFilter(help_text="Of this session.")
    entity = ThingFilter(help_text="Pinned to this thing: `kpi:<id>`.")
    inSession = FlagFilter("thing", lookup_expr="isnull", help_text="Of a session, or on a thing.")
    author = IdFilter(help_text="By this user.")
    parent = IdFilter(help_text="Replies to this note.")
    search = SearchFilter("content", help_text="Has this in its text.")
    since = SinceFilter("created_at", help_text="Made at this time or later.")
    updatedSince = SinceFilter("updated_at", help_text=CHANGED)


# ------------------------------------------------------------------ what is read

READABLES = (
    Readable(
        name="sessions",
        model=Session,
        rows=readable_sessions,
        filters=SessionFilters,
        newest="created_at",
        one="a session",
        many="sessions",
        about="Those that run and are open to all; and whose host, participant or guest one is.",
    ),
    Readable(
        name="annotations",
        model=Annotation,
        rows=readable_notes,
        filters=AnnotationFilters,
        newest="created_at",
        one="a note",
        many="notes",
        about="Of sessions whose host, participant or guest one is; and on KPIs and departments.",
    ),
)

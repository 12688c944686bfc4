"""The bell, the inbox, and what was missed, in real Chromium (P1, C8)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.async_api import Locator, Page, expect

from bos.away.seeing import see
from bos.models import LastSeen, Notification
from bos.permissions import principal_of
from kpis.models import Kpi
from sync.eventlog import log
from tests.browser.axe import violations_in_both_schemes
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.furnished import make_alert, make_notification, make_report, make_session
from tests.support.server import Server
from tests.support.waiting import until
from tests.wire.test_notes_on_things import pin

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]


async def open_as(page: Page, server: Server, person: Person, path: str = "/") -> None:
    await page.goto(server.url + path)
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.press('[name="password"]', "Enter")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


def end_of(cast: Cast) -> int:
    return log.head(cast.home.id).sequence


def was_away(cast: Cast, person: Person, *, hours: int = 1) -> None:
    """Have them have seen all that there is, so long ago."""
    see(principal_of(person.user), end_of(cast))
    before = timezone.now() - timedelta(hours=hours)
    LastSeen.objects.filter(user=person.user).update(at=before)


def seen_by(person: Person) -> int:
    return LastSeen.objects.get(user=person.user).sequence


def set_to(kpi: Kpi, value: float) -> None:
    kpi.value = value
    kpi.save()


def tab_of(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Show").locator("label", has_text=name)


async def test_p1_a_mention_is_said_as_it_comes_and_leads_to_its_note_and_is_read_everywhere(
    page: Page, server: Server, cast: Cast
) -> None:
    await open_as(page, server, cast.bob)
    other = await page.context.new_page()
    await other.goto(f"{server.url}/inbox")
    await expect(other.get_by_role("heading", name="You have read everything")).to_be_visible()
    note = pin(cast.alice, cast.home.margin, "@Bob", mentions=[cast.bob.id])
    for tab in (page, other):
        await expect(tab.get_by_role("link", name="Inbox, 1 unread")).to_be_visible()
        await expect(tab.locator("[data-notice]")).to_contain_text("Alice mentions you")
    [notification] = Notification.objects.filter(user=cast.bob.user)
    item = other.locator(f'[data-notification="{notification.pk}"]')
    await expect(item).to_contain_text("In a note on the KPI “Margin”")
    await page.locator("[data-notice]").get_by_role("button", name="Open").click()
    await expect(page).to_have_url(f"{server.url}/kpi/{cast.home.margin.pk}?note={note.pk}")
    for tab in (page, other):
        await expect(tab.get_by_role("link", name="Inbox, 0 unread")).to_be_visible()
    await expect(item).to_have_count(0)
    notification.refresh_from_db()
    assert notification.read_at is not None


async def test_p1_the_inbox_has_what_waits_and_what_was_read_each_under_its_address(
    page: Page, server: Server, cast: Cast
) -> None:
    own, others = make_alert(cast.home.margin), make_alert(cast.home.revenue)
    for alert, read_at in ((own, timezone.now()), (others, None)):
        data = {"alertId": str(alert.pk), "kpiId": str(alert.kpi_id), "severity": "info"}
        title = f"{alert.kpi.name} is high"
        make_notification(
            cast.bob, category="alert", title=title, data=data, read_at=read_at, message="So."
        )
    session = make_session(cast.mia, cast.bob)
    await open_as(page, server, cast.bob, "/inbox")
    items = page.locator("[data-notification]")
    await expect(items).to_have_count(2)
    bell = page.get_by_role("link", name="Inbox, 2 unread")
    await expect(bell, "an invitation and what tells of it are one").to_be_visible()
    assert await violations_in_both_schemes(page) == []
    await tab_of(page, "All").click()
    await expect(page).to_have_url(f"{server.url}/inbox?tab=all")
    await expect(items).to_have_count(3)
    await expect(page.locator('[data-read="true"]')).to_contain_text("Margin is high")
    await page.get_by_role("button", name="Mark as read: Revenue is high").click()
    await expect(page.locator('[data-read="true"]')).to_have_count(2)
    await page.reload()
    await expect(page.locator('[data-read="true"]')).to_have_count(2)
    assert await violations_in_both_schemes(page) == []
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.locator('[data-read="true"]')).to_have_count(3)
    await expect(page.get_by_role("button", name="Mark all as read")).to_have_count(0)
    await expect(tab_of(page, "Alerts")).to_have_text("Alerts2")
    await tab_of(page, "Alerts").click()
    for alert in (own, others):
        await expect(page.locator(f'[data-alert="{alert.pk}"]')).to_be_visible()
    assert await violations_in_both_schemes(page) == []
    await tab_of(page, "Invitations").click()
    await expect(page.locator("[data-invitation]")).to_contain_text("Planning")
    assert await violations_in_both_schemes(page) == []
    await page.get_by_role("link", name="Join Planning").click()
    await expect(page).to_have_url(f"{server.url}/session/{session.pk}")


async def test_p1_whoever_comes_back_is_told_what_has_happened_and_can_put_it_away(
    page: Page, server: Server, cast: Cast
) -> None:
    was_away(cast, cast.bob, hours=24)
    set_to(cast.home.revenue, 90)
    set_to(cast.home.revenue, 110)
    alert = make_alert(cast.home.margin, message="Margin is low")
    alert.resolved_at = timezone.now()
    alert.save()
    note = pin(cast.alice, cast.home.margin, "Look at March", mentions=[cast.bob.id])
    make_report(cast, None)
    make_session(cast.mia)
    end = end_of(cast)
    await open_as(page, server, cast.bob)
    missed = page.get_by_role("region", name="While you were away")
    await expect(missed).to_contain_text("Since yesterday")
    told = "1 KPI changed, 1 alert (1 resolved), 1 note (1 mentions you), 1 report, 1 session."
    await expect(missed.locator("[data-missed]")).to_contain_text(told)
    await until(lambda: seen_by(cast.bob) >= end, within=10)
    await page.reload()
    await missed.get_by_role("button", name="Show").press("Enter")
    await expect(missed.get_by_role("listitem")).to_have_count(5)
    line = missed.get_by_role("listitem").filter(has_text="Revenue")
    await expect(line).to_contain_text("100 → 110EUR")
    await expect(line).to_contain_text("+10%")
    await expect(line).to_contain_text("2 changes")
    assert await violations_in_both_schemes(page) == []
    await missed.get_by_role("link", name="Alice on Margin").click()
    await expect(page).to_have_url(f"{server.url}/kpi/{cast.home.margin.pk}?note={note.pk}")
    await missed.get_by_role("button", name="Dismiss").click()
    await expect(missed).to_have_count(0)
    await page.reload()
    await expect(page.locator('[data-connection="live"]')).to_be_visible()
    await expect(missed).to_have_count(0)


SET_VISIBILITY = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_only_what_is_looked_at_counts_as_seen(
    page: Page, server: Server, cast: Cast
) -> None:
    await open_as(page, server, cast.bob)
    await until(lambda: LastSeen.objects.filter(user=cast.bob.user).exists(), within=10)
    shown = page.locator("[data-sequence]")
    set_to(cast.home.revenue, 90)
    looked = end_of(cast)
    await expect(shown).to_have_text(str(looked))
    await page.evaluate(SET_VISIBILITY, "hidden")
    await until(lambda: seen_by(cast.bob) == looked, within=10)
    set_to(cast.home.revenue, 95)
    await expect(shown).to_have_text(str(looked + 1))
    assert seen_by(cast.bob) == looked
    await page.evaluate(SET_VISIBILITY, "visible")
    await until(lambda: seen_by(cast.bob) == looked + 1, within=10)

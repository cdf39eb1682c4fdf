"""The main job in a real browser, on the real 2020 plan: from signing in to the letter."""

import csv
import io
import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from playwright.sync_api import Page, expect

from accounts.models import Assignment, Digest, Flag, Territory, TerritoryPlan
from footprints.models import Release

from .conftest import PHONE, TODAY

REPLAY = "Primary care 2019/20 (replay)"
REFERENCE = Path(settings.BASE_DIR) / "footprints" / "reference"


def visit(page: Page, name: str):
    """Follow a link of the main navigation."""
    page.get_by_role("navigation", name="Waymark").get_by_role("link", name=name).click()


def unfold(page: Page):
    """Open everything that is folded away in the page itself."""
    page.eval_on_selector_all("main details:not(.menu)", "all => all.forEach(d => d.open = true)")


def download(page: Page) -> list[dict]:
    """The rows of the list's CSV."""
    with page.expect_download() as waited:
        page.get_by_role("link", name="CSV").click()
    text = Path(waited.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def tick(page: Page, *codes):
    for code in codes:
        page.check(f"input[name=row][value='{code}']")


# --- What is next, what has changed


def test_home_says_what_is_next_and_then_what_has_changed(planner):
    planner.goto("/")

    expect(planner.get_by_role("heading", level=1)).to_have_text("What is next")
    expect(planner.locator(".lead")).to_contain_text("1 April 2027, in 131 days")
    expect(planner.locator(".lead")).to_contain_text("None of this is decided")
    days = planner.locator("table.inbox td.day").all_inner_texts()
    coming = [day for day in days if "in 131 days" in day]
    assert days[: len(coming)] == coming and coming[0].startswith("1 Apr 2027")
    assert days[-1] == "1 Apr 2020"
    next_up = planner.locator("table.inbox")
    expect(next_up.locator(".undecided").first).to_have_text("Rumoured, not decided")

    next_up.get_by_role("link", name="South East London with South West London").first.click()

    expect(planner.get_by_text("This is not decided.")).to_be_visible()
    expect(planner.get_by_text("Last checked").first).to_be_visible()
    planner.get_by_role("link", name="See the reorganisation").click()
    expect(planner.get_by_role("heading", name="On whose word")).to_be_visible()
    expect(planner.locator(".steps")).to_contain_text("looked at on")


# --- The register, on any day


def test_the_register_is_searched_narrowed_sorted_and_shown_on_any_day(planner):
    planner.goto("/")
    visit(planner, "Register")
    planner.locator("details.as-at > summary").click()
    planner.locator(".as-at-presets").get_by_role("link", name="31 Mar 2020", exact=True).click()

    expect(planner).to_have_url(re.compile(r"on=2020-03-31"))
    expect(planner.locator(".day-strip")).to_contain_text("Showing the NHS of 31 March 2020")
    legend = planner.get_by_role("navigation", name="Kinds that live on 31 March 2020")
    expect(legend.get_by_role("link", name="191 CCGs")).to_be_visible()
    legend.get_by_role("link", name="191 CCGs").click()
    rows = download(planner)
    assert len({row["Code"] for row in rows}) == len(rows) == 191

    names = planner.locator("#results tbody td.card-title")
    assert names.all_inner_texts() == sorted(names.all_inner_texts(), key=str.lower)
    planner.get_by_role("columnheader", name="Code").get_by_role("link").click()
    expect(planner.locator("th[aria-sort=ascending]")).to_contain_text("Code")
    codes = planner.locator("#results tbody td.code").all_inner_texts()
    assert codes == sorted(row["Code"] for row in rows)[:50]

    planner.locator("#list-filters").get_by_label("Name or code").press_sequentially("kent")
    expect(planner.locator("#results tbody tr")).to_have_count(2)
    expect(planner.locator("#results")).to_contain_text("NHS South Kent Coast CCG")
    expect(planner.locator("#results")).to_contain_text("NHS West Kent CCG")
    expect(planner.locator("#elsewhen")).to_contain_text("NHS Kent and Medway CCG")
    planner.locator("details.as-at > summary").click()
    planner.locator("#as-at-on").fill("2020-04-01")
    planner.get_by_role("button", name="Show", exact=True).click()
    expect(planner.locator("#results tbody tr")).to_have_count(1)
    expect(planner.locator("#results")).to_contain_text("91Q")
    expect(planner.get_by_role("navigation", name="Kinds that live")).to_contain_text("135 CCGs")

    planner.get_by_role("link", name="Back to today").click()
    expect(planner.locator(".day-strip")).to_have_count(0)


def test_an_organisation_s_page_tells_its_versions_parents_and_what_it_came_from(planner):
    planner.goto("/register/?q=91Q")
    planner.locator("#results tbody tr a").first.click()

    expect(planner.get_by_role("heading", level=1)).to_contain_text("NHS Kent and Medway ICB")
    versions = planner.locator("section", has=planner.get_by_role("heading", name="Names and"))
    expect(versions.locator("tbody tr")).to_have_text(
        [
            re.compile(r"NHS Kent and Medway CCG\s*CCG\s*1 Apr 2020\s*30 Jun 2022"),
            re.compile(r"NHS Kent and Medway ICB - 91Q\s*Sub-ICB location\s*1 Jul 2022"),
        ]
    )
    parents = planner.locator(
        "section", has=planner.get_by_role("heading", name="Where it belongs")
    )
    expect(parents.locator("tr.is-now")).to_contain_text("NHS Kent and Medway Integrated Care")
    flow = planner.locator("svg.flow")
    for code in "09C 09E 09J 09W 10A 10D 10E 99J 91Q QKS".split():
        expect(flow.locator(".flow-code", has_text=code).first).to_be_visible()
    planner.get_by_text("The same as a list").click()
    expect(planner.locator(".story")).to_contain_text("Kent and Medway CCG: eight CCGs merge")

    flow.get_by_role("link", name=re.compile("99J")).click()
    expect(planner.get_by_role("heading", level=1)).to_contain_text("99J")
    expect(planner.locator(".note-warning")).to_contain_text("Its last day was 31 March 2020")
    expect(planner.locator(".places")).to_contain_text("91Q")
    planner.get_by_role("link", name="See that day").click()
    expect(planner).to_have_url(re.compile(r"99J/\?on=2020-03-31"))
    expect(planner.locator(".note-warning")).to_have_count(0)


# --- The worst day


def recount(plan) -> dict[str, dict[str, str]]:
    """Successor → predecessor → territory code, from the published file and the rows alone."""
    day = "2020-04-01"
    held = dict(
        Assignment.objects.filter(
            plan=plan, opened_on__lte="2020-03-31", closed_on__gt=day
        ).values_list("organisation__code", "territory__code")
    )
    with (REFERENCE / "successions.csv").open(newline="", encoding="utf-8") as file:
        passing = [row for row in csv.DictReader(file) if row["day"] == day]
    found = defaultdict(dict)
    for row in passing:
        if row["passes"] == "area" and not row["becomes"] and row["predecessor"] in held:
            found[row["successor"]][row["predecessor"]] = held[row["predecessor"]]
    return dict(found)


def test_the_plan_of_2020_is_flagged_as_a_recount_by_hand_says(planner):
    planner.goto("/")
    planner.locator(".side").get_by_role("link", name=REPLAY, exact=True).click()
    expect(planner.get_by_text("This plan holds 1 Apr 2019 – 31 Mar 2021")).to_be_visible()
    planner.locator("details.as-at > summary").click()
    planner.locator(".as-at-presets").get_by_role("link", name="31 Mar 2020", exact=True).click()

    expect(planner.locator("table.territories tbody tr")).to_have_count(12)
    expect(planner.locator("svg.tiles a rect.tile")).to_have_count(191)
    expect(planner.locator(".tally")).to_contain_text("191 units")
    expect(planner.locator(".tally")).to_contain_text("no gaps")
    rows = download(planner)
    assert len({row["Code"] for row in rows}) == len(rows) == 191

    planner.locator("summary", has_text="1 April 2020").click()
    flagged = planner.locator(".plan-flags a[href*='/alerts/']")
    addresses = sorted({a.get_attribute("href") for a in flagged.all()})
    assert len(addresses) == 18
    shown, conflicts, closing = {}, set(), 0
    for address in addresses:
        planner.goto(address)
        unfold(planner)
        said = planner.locator(".summary").inner_text()
        closing += int(re.search(r"(\d+) units? closes?", said)[1])
        (meeting,) = planner.locator("section.meeting").all()
        successor = meeting.locator("h3 .code").inner_text()
        shown[successor] = {
            row.locator(".old .code").inner_text(): row.locator("td").last.inner_text().split()[0]
            for row in meeting.locator("tbody tr").all()
        }
        if "conflict" in said:
            conflicts.add(successor)
            expect(planner.locator(".page-title .flag")).to_contain_text("Act")

    expected = recount(TerritoryPlan.objects.get(name=REPLAY))
    assert shown == expected
    assert (closing, len(shown)) == (74, 18)
    assert conflicts == {
        successor for successor, held in expected.items() if len(set(held.values())) > 1
    }
    assert conflicts, "a plan that breaks nowhere shows nothing"


def test_a_flag_is_dealt_with_and_opened_again_and_the_letter_is_there(planner):
    planner.goto("/")
    visit(planner, "Alerts")
    planner.get_by_label("Plan", exact=True).select_option(label=REPLAY)
    planner.get_by_label("Reorganisation", exact=True).press_sequentially("Kent and Medway CCG")
    expect(planner.locator("#results tbody tr")).to_have_count(1)
    planner.locator("#results tbody tr a").first.click()
    planner.get_by_role("button", name="Mark dealt with").click()

    expect(planner.locator("#messages")).to_contain_text("Marked as dealt with.")
    flag = Flag.objects.get(pk=re.search(r"/alerts/(\d+)/", planner.url)[1])
    assert flag.resolved_by.username == "planner"
    planner.goto("/")
    unfold(planner)
    expect(planner.locator("#results")).not_to_contain_text(
        "Kent and Medway CCG: eight CCGs merge"
    )
    planner.goto(flag.get_absolute_url())
    planner.get_by_role("button", name="Open it again").click()
    expect(planner.get_by_role("button", name="Mark dealt with")).to_be_visible()

    planner.goto("/")
    planner.locator("details.you > summary").click()
    planner.get_by_role("link", name="Letters", exact=True).click()
    # The worker's other tests write letters too: the one asked for need not be among the first.
    planner.locator("#list-filters").get_by_label("Subject or person").press_sequentially("18 NHS")
    expect(planner.locator("#results tbody tr")).to_have_count(1)
    expect(planner.locator("#results")).to_contain_text("18 NHS changes touch your patch")
    planner.locator("#results").get_by_role("link", name="1 April 2020: 18 NHS changes").click()
    letter = planner.locator("article.letter")
    for said in ("Kent and Medway CCG: eight CCGs merge", "91Q", "Please do:", "moved nobody"):
        expect(letter).to_contain_text(said)
    expect(planner.get_by_text("No mail server is set")).to_be_visible()
    of_the_day = Digest.objects.filter(person__username="planner", effective_on="2020-04-01")
    # Of the plan; the worker's other tests may have the planner watch what ended that day as well.
    assert of_the_day.filter(subject__contains="touch your patch").count() == 1


# --- Plans of one's own


def test_a_plan_is_made_and_units_assigned_singly_and_in_bulk(planner):
    planner.goto("/plans/?on=2026-04-01")
    planner.get_by_role("link", name="Make an empty plan").click()
    planner.get_by_label("Name", exact=True).fill("Kent and Sussex, by hand")
    planner.get_by_label("Team", exact=True).select_option(label="Primary care")
    planner.get_by_role("button", name="Make the plan").click()
    expect(planner.locator("#messages")).to_contain_text("Add its territories")
    for code, name in (("T01", "Kent"), ("T02", "Sussex")):
        planner.get_by_role("link", name="Add a territory", exact=True).click()
        planner.get_by_label("Code", exact=True).fill(code)
        planner.locator("form.deed-page").get_by_label("Name").fill(name)
        planner.get_by_role("button", name="Add", exact=True).click()
        expect(planner.locator("#messages")).to_contain_text(f"Territory {code} {name} is added")

    planner.get_by_text("Assign a unit").first.click()
    sheet = planner.locator("form.deed:visible")
    sheet.get_by_label("Units").fill("91Q")
    sheet.get_by_label("Territory").select_option(label="T01 Kent")
    sheet.get_by_role("button", name="Assign").click()
    expect(planner.locator("#messages")).to_contain_text("One unit belongs to T01 Kent")
    expect(planner.locator("svg.tiles")).to_be_visible()
    expect(planner.locator(".tally")).to_contain_text("105 without a territory")

    planner.get_by_role("link", name="105 without a territory").click()
    planner.locator("#list-filters").get_by_label("Name or code").press_sequentially("sussex")
    expect(planner.locator("#results tbody tr")).to_have_count(3)
    tick(planner, "09D", "70F", "97R")
    expect(planner.locator("[data-selected]")).to_have_text("3 rows")
    planner.locator("#bulk-territory").select_option(label="T02 Sussex")
    planner.locator(".bulk-bar").get_by_role("button", name="Assign").click()
    expect(planner.locator("#messages")).to_contain_text("Three units belong to T02 Sussex")

    plan = TerritoryPlan.objects.get(name="Kent and Sussex, by hand")
    held = plan.assignments.values_list("organisation__code", "territory__code", "opened_on")
    assert {(code, patch, str(day)) for code, patch, day in held} == {
        ("91Q", "T01", "2026-04-01"),
        *[(code, "T02", "2026-04-01") for code in ("09D", "70F", "97R")],
    }
    assert (plan.owner.username, plan.opened_on.isoformat()) == ("planner", "2026-04-01")


OURS = """\
Unit\tTerritory\tOwner
99J\tT07\tSam Hart
NHS Newcastle Gateshead CCG\tT08\tKim Lee
ZZ9\tT08\tKim Lee
QNQ\tT09\tvacant
QJM\tT10\tJo Marsh
92A\tT11\tJo Marsh
"""


def test_an_alignment_of_one_s_own_comes_in_and_is_flagged_at_once(planner):
    planner.goto("/plans/")
    planner.get_by_role("link", name="Bring your alignment in").click()
    planner.get_by_label("Paste it here").fill(OURS)
    planner.get_by_label("Name of the plan").fill("Ours, as we keep it")
    planner.get_by_label("Team", exact=True).select_option(label="Key accounts")
    planner.get_by_role("button", name="Check what it means").click()

    expect(planner.locator(".verdict")).to_contain_text("4 resolve")
    expect(planner.locator(".verdict")).to_contain_text("2 to decide")
    undecided = planner.locator("section[aria-labelledby=unresolved] tbody tr")
    expect(undecided).to_have_text([re.compile("ZZ9"), re.compile("QNQ.*splits between", re.S)])
    followed = planner.locator("section[aria-labelledby=followed] tbody tr")
    expect(followed).to_have_text(
        [re.compile("99J.*91Q", re.S), re.compile("Newcastle.*13T", re.S)]
    )
    assert not TerritoryPlan.objects.filter(name="Ours, as we keep it").exists()

    planner.get_by_text("What you gave: change it, and check again").click()
    planner.get_by_label("First day of the plan").fill("2026-03-01")
    planner.get_by_role("button", name="Check again").last.click()
    expect(planner.locator(".verdict")).to_contain_text("5 resolve")
    expect(planner.locator("section[aria-labelledby=unresolved] tbody tr")).to_have_count(1)
    planner.get_by_label("Leave out the other 1 line").check()
    planner.get_by_role("button", name="Make the plan with the 5 units that resolve").click()

    plan = TerritoryPlan.objects.get(name="Ours, as we keep it")
    assert dict(plan.assignments.values_list("organisation__code", "territory__code")) == {
        "91Q": "T07",
        "13T": "T08",
        "QNQ": "T09",
        "QJM": "T10",
        "92A": "T11",
    }
    flags = planner.locator(".plan-flags summary")
    expect(flags.first).to_contain_text("1 April 2027")
    expect(flags.nth(1)).to_contain_text("1 April 2026")
    flags.nth(1).click()
    planner.locator(".plan-flags").get_by_role("link", name=re.compile("Thames Valley")).click()
    expect(planner.locator(".summary")).to_contain_text("1 unit splits")
    splits = planner.locator("main .old-new-list li")
    expect(splits.filter(has_text="S0E4D")).to_contain_text("59%")


# --- People


def test_people_are_listed_by_footprint_and_day_and_each_has_a_page(planner):
    planner.goto("/")
    visit(planner, "People")
    everybody = planner.locator(".list-count").inner_text()
    expect(planner.locator("#results tbody tr").first).to_contain_text("invented")
    planner.get_by_label("In or below").select_option("QKS")
    expect(planner.locator(".chip")).to_contain_text("In or below")
    expect(planner.locator(".list-count")).not_to_have_text(everybody)
    here = download(planner)
    assert 0 < len(here) < 50

    planner.goto("/people/?on=2026-03-31&within=QNQ")
    there = planner.locator("#results tbody tr")
    expect(there.first).to_contain_text(re.compile("Frimley|D4U1Y"))
    there.first.get_by_role("link").first.click()
    name = planner.get_by_role("heading", level=1).inner_text()
    expect(planner.locator(".lead")).to_contain_text("invented")
    expect(planner.locator("section", has_text="On this day")).to_contain_text("Held")
    planner.goto(planner.url.replace("on=2026-03-31", "on=2026-04-01"))
    expect(planner.get_by_role("heading", level=1)).to_have_text(name)


# --- Who may see what


def test_a_field_user_sees_their_own_patch_and_nobody_else_s(sit_down):
    seat = sit_down("rep", viewport=PHONE)
    page = seat.page
    page.goto("/")

    expect(page.get_by_role("heading", name="My territories")).to_be_visible()
    mine = Territory.objects.filter(roster__user__username="rep")
    shown = page.locator(".side .quiet-list").first.locator(".code").all_inner_texts()
    assert set(shown) == {"T21"}
    assert set(mine.values_list("code", flat=True)) == {"T21", "R11"}
    plan = TerritoryPlan.objects.get(name="Primary care 2026/27")
    page.goto(f"{plan.get_absolute_url()}?on={TODAY}")
    expect(page.locator("table.territories tbody tr")).to_have_count(1)

    flags = Flag.objects.on_plans()
    hidden = [
        plan.territories.get(code="T24"),
        TerritoryPlan.objects.get(name="Hospital 2026/27"),
        TerritoryPlan.objects.get(name="Medical 2026/27"),
        flags.filter(object_id=plan.pk, reorganisation__title__startswith="Devon").get(),
        flags.filter(object_id=TerritoryPlan.objects.get(name="Key accounts 2026/27").pk).first(),
        Digest.objects.filter(person__username="planner").first(),
    ]
    for thing in hidden:
        answer = page.goto(thing.get_absolute_url())
        assert answer.status == 404, thing
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("main")).not_to_contain_text(str(thing))
    # The browser itself reports each page that is not found.
    assert len(seat.complaints) == len(hidden)
    assert all("404" in said for said in seat.complaints)
    seat.complaints.clear()


def test_a_steward_s_correction_is_a_release_and_is_undone(sit_down):
    page = sit_down("steward").page
    page.goto("/register/APC-01/")
    before = page.get_by_role("heading", level=1).inner_text()
    name = before.removesuffix("APC-01").strip()
    page.get_by_role("link", name="Correct its facts").click()
    page.get_by_role("link", name=re.compile(re.escape(name))).first.click()
    page.get_by_label("Name", exact=False).first.fill(f"{name}, corrected")
    page.get_by_role("button", name="Save", exact=True).click()

    page.goto("/register/APC-01/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{name}, corrected")
    yesterday = TODAY - timedelta(days=1)
    page.goto(f"/register/APC-01/?known={yesterday}")
    expect(page.get_by_role("heading", level=1)).to_have_text(before)
    expect(page.locator(".day-strip")).to_contain_text(
        "as recorded by the end of 20 November 2026"
    )
    release = Release.objects.get(kind=Release.Kind.ENTRY)
    assert release.by.username == "steward"

    page.goto("/")
    page.locator("details.you > summary").click()
    page.get_by_role("link", name="Releases").click()
    page.get_by_role("link", name=re.compile("Corrected: version")).click()
    page.get_by_role("link", name="Undo this release").click()
    page.get_by_role("button", name=re.compile("Undo")).click()
    page.goto("/register/APC-01/")
    expect(page.get_by_role("heading", level=1)).to_have_text(before)
    assert Release.objects.get(undoes=release).applied_at > release.applied_at

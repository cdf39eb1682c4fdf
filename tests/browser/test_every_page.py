"""Every page, as a planner, a field user and a data steward meet it: desktop, phone, light, dark.

Each is there, breaks no policy, says nothing on the console, is no wider than the screen, is not
heavy, and gives axe nothing serious to find. A page added to the URL conf must be added here.
"""

from datetime import timedelta
from io import BytesIO
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.urls import URLResolver, get_resolver, reverse
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import expect

from accounts.alerts.addressing import raise_alerts
from accounts.alerts.wanting import off_address
from accounts.balancing import asking
from accounts.challenges.deeds import challenge
from accounts.models import (
    AccountLead,
    CalendarKey,
    Certificate,
    Challenge,
    DataSupplier,
    Delivery,
    Digest,
    Flag,
    Job,
    LetterKind,
    Measure,
    Scenario,
    Sheet,
    Team,
    Territory,
    TerritoryPlan,
    User,
    Watch,
    WatchList,
    Webhook,
)
from accounts.scenarios.making import make_scenario
from accounts.services.flags import raise_flags
from accounts.services.timetable import change_calendar
from accounts.sheets import applying, deciding
from accounts.sheets.jobs import ask, stop
from accounts.sheets.planning import planned
from accounts.watches import moving
from accounts.watches.keeping import watch
from config.clock import install
from config.models import Run
from footprints.models import Organisation, Proposal, Release, Reorganisation, Report
from footprints.services.proposals import propose
from footprints.services.receiving import Received, preview_report, receive_report
from stakeholders.models import Person
from tests import factories
from tests.footprints.practices import DAY, Register

from .conftest import DESKTOP, PHONE, TODAY

MOST_KIB = 500  # of a page with all it needs, before compression
AXE = {"resultTypes": ["violations"]}
GRAVE = {"serious", "critical"}
# Everything unfolded; of the many rows of a list, all alike, a few: axe looks at each cell.
READY = """() => {
    document.querySelectorAll("main details").forEach(details => details.open = true);
    document.querySelectorAll("tbody tr:nth-child(n + 8)").forEach(row => row.remove());
}"""

# Sheets of menus through which the page shows, or which end before what they hold.
SPILLING = """() => [...document.querySelectorAll("main details[open] > .menu-sheet")]
    .filter(sheet => {
        const ground = getComputedStyle(sheet).backgroundColor;
        const box = sheet.getBoundingClientRect();
        const ends = [...sheet.children].map(child => child.getBoundingClientRect().bottom);
        const spills = Math.max(...ends) > box.bottom + 1;
        return box.height && (ground === "rgba(0, 0, 0, 0)" || spills);
    })
    .map(sheet => sheet.outerHTML.slice(0, 120))"""

ALL = {"planner", "rep", "steward"}
PLANS = {"planner"}
STEWARD = {"steward"}


def flag_of(plan, words):
    return Flag.objects.on_plans().get(
        object_id=TerritoryPlan.objects.get(name__startswith=plan).pk,
        reorganisation__title__contains=words,
    )


def sheet(plan, words):
    return reverse("accounts:sheet", args=[flag_of(plan, words).pk])


def undo_of_a_sheet():
    """A sheet that was applied, of a plan in the archive, so that nobody else is flagged."""
    name = "A plan whose sheet is applied"
    if not TerritoryPlan.objects.filter(name=name).exists():
        event = Reorganisation.objects.get(title__contains="Kent and Medway CCG: eight")
        planner, manager = (User.objects.get(username=who) for who in ("planner", "manager"))
        made = factories.plan(
            name=name,
            owner=manager,
            team=planner.team or factories.team(),
            opened_on=event.effective_on.replace(year=2019),
            state=TerritoryPlan.State.ACTIVE,  # nothing is applied to one that is put away
        )
        home = factories.territory(plan=made)
        for old in event.successions.now():  # copies stand beside what was undone
            factories.assignment(
                territory=home, organisation=old.predecessor, opened_on=made.opened_on
            )
        flag = factories.flag(made, reorganisation=event)
        seen = planned(deciding.sheet_of(flag)).fingerprint
        # Somebody else: to whoever has prepared none, the home page gives a hint.
        deciding.prepare(flag, by=factories.user(role=User.Role.PLANNER), seen=seen)
        deciding.approve(flag, by=manager)
        applying.apply_sheet(flag, by=manager)
        TerritoryPlan.objects.filter(pk=made.pk).update(state=TerritoryPlan.State.ARCHIVED)
    flag = Flag.objects.get(object_id=TerritoryPlan.objects.get(name=name).pk)
    return reverse("accounts:undo_sheet", args=[flag.pk])


def a_stopped_job():
    """A job that was stopped before it began, so that nothing was done; made once."""
    if not Job.objects.exists():
        by = User.objects.get(username="planner")
        flag = flag_of("Key accounts 2026/27", "South East London")
        stop(ask(flag.reorganisation, Job.Deed.PREPARE, [flag.pk], by=by), by=by)
    return Job.objects.first()


def a_suggestion():
    """A suggestion that was worked out, for a plan of the demo; made once."""
    made = TerritoryPlan.objects.get(name="Primary care 2026/27")
    if not made.suggestions.exists():
        asked = asking.ask(made, by=User.objects.get(username="planner"), from_on=TODAY)
        asking.work(asked, tries=2)
    return made.suggestions.first().get_absolute_url()


def watched():
    """What the planner watches: a body that was split, a plan, an event, a search; made once."""
    by = User.objects.get(username="planner")
    if not Watch.objects.visible_to(by).exists():
        merged = Organisation.objects.get(code="09C")
        for code in ("QNQ", "RYK"):
            factories.watch(person=by, organisation=Organisation.objects.get(code=code))
        factories.watch(person=by, organisation=merged)
        moving.move_watches(on=TODAY, moment=now())
        cluster = Reorganisation.objects.filter(effective_on__gt=TODAY).first()
        watch(by, reorganisation=cluster, on=TODAY)
        watch(by, search="q=kent&kind=practice", on=TODAY)
        raise_flags()
        raise_alerts(moment=now())
    return by


def watch_questions():
    watched()
    return reverse("accounts:watch_questions")


def watch_flag():
    list_of = WatchList.objects.get(person=watched())
    kind = ContentType.objects.get_for_model(WatchList)
    flags = Flag.objects.open().filter(content_type=kind, object_id=list_of.pk)
    return flags.order_by("pk").first().get_absolute_url()


def a_challenge():
    """What the field user says of a unit of their patch; made once."""
    if not Challenge.objects.exists():
        mine = Territory.objects.get(plan__name="Primary care 2026/27", code="T21")
        challenge(
            mine,
            mine.assignments.on(TODAY).order_by("organisation__code").first().organisation,
            reason="It is two hours' drive from the rest of the patch.",
            by=User.objects.get(username="rep"),
            on=TODAY,
        )
    return Challenge.objects.first()


def a_delivery():
    """What a webhook of a team was to be told, and was given up; made once."""
    if not Webhook.objects.exists():
        made = factories.webhook(
            "plan.active",
            name="North team's channel",
            team=Team.objects.filter(is_walled=False).first(),
            is_on=False,  # whatever else is done here, nothing is sent
        )
        factories.delivery(
            webhook=made,
            state="dead",
            tries=10,
            tried_at=now(),
            status=500,
            outcome="hooks.example.com answered 500 (Internal Server Error).",
            answer="<b>no</b>",
        )
    return Delivery.objects.first()


def a_webhook():
    return a_delivery().webhook.get_absolute_url()


def measure():
    """A measure of the planner's, of three locations, and a code that is unknown; made once."""
    planner = User.objects.get(username="planner")
    if not Measure.objects.exists():
        made = factories.measure(
            name="Sales 2025", unit="£", by=planner, unplaced=[["ZZ9", "7.0000"]], unplaced_count=1
        )
        for body in Organisation.objects.filter(code__in=["91Q", "36L", "72Q"]):
            factories.figure(measure=made, organisation=body, amount=1234.5)
    return Measure.objects.first()


def covered_twice():
    """A plan with a unit that another plan of its team holds too, for a week; made once."""
    name = "A plan beside another"
    if not TerritoryPlan.objects.filter(name=name).exists():
        team = factories.team()
        week = {"team": team, "opened_on": TODAY, "closed_on": TODAY + timedelta(days=7)}
        for called, state in ((name, "draft"), ("The other plan", "active")):
            home = factories.territory(plan=factories.plan(name=called, state=state, **week))
            kent = Organisation.objects.get(code="91Q")
            factories.assignment(territory=home, organisation=kent, opened_on=TODAY)
    return plan(name)


def lead_flag():
    """The alert of an account lead, in a plan that holds nothing else; made once."""
    name = "A plan with an account lead"
    event = Reorganisation.objects.get(slug="p-qkk-qwe-2027-04-01")
    if not TerritoryPlan.objects.filter(name=name).exists():
        team = User.objects.get(username="planner").team or factories.team()
        made = factories.plan(name=name, team=team, opened_on=TODAY)
        before = factories.flag(made, reorganisation=event, lapsed_at=now())
        lead = AccountLead.objects.create(
            plan=made,
            territory=factories.territory(plan=made, code="L01", name="London"),
            organisation=Organisation.objects.get(code="QKK"),
            opened_on=made.opened_on,
            made_by=Sheet.objects.create(flag=before),
        )
        factories.flag(lead, reorganisation=event, weight=2)
    lead = AccountLead.objects.get(plan__name=name)
    return Flag.objects.get(
        content_type__model="accountlead", object_id=lead.pk
    ).get_absolute_url()


def schedule():
    """A schedule that keeps time, beside those that nobody has kept; made once."""
    install(settings.CELERY_BEAT_SCHEDULE)
    kept = PeriodicTask.objects.get(name="raise_flags")
    if not Run.objects.filter(schedule=kept.name).exists():
        for state, says in (("failed", "OperationalError: gone"), ("done", "3 alerts raised")):
            moments = dict.fromkeys(("asked_at", "began_at", "ended_at"), now())
            Run.objects.create(
                task=kept.task, schedule=kept.name, state=state, says=says, **moments
            )
    return kept


def plan(name):
    return TerritoryPlan.objects.get(name=name).get_absolute_url()


def compared():
    """The replayed plan before and after the Kent merger; what was, beside what is held now."""
    old, new = (
        TerritoryPlan.objects.get(name=name).pk
        for name in ("Primary care 2019/20 (replay)", "Primary care 2026/27")
    )
    return f"/plans/compare/?a={old}&on_a=2020-03-31&b={new}"


def event(words):
    return Reorganisation.objects.get(title__contains=words).get_absolute_url()


def taken(words):
    return reverse(
        "accounts:take_along", args=[Reorganisation.objects.get(title__contains=words).slug]
    )


def slug(words):
    return Reorganisation.objects.get(title__contains=words).slug


def with_a_feed(username):
    user = User.objects.get(username=username)
    if not CalendarKey.objects.filter(user=user).exists():
        change_calendar(user)
    return "/calendar/"


def scenario():
    """A scenario of the key accounts, whose event would cluster South London; made once."""
    if not Scenario.objects.exists():
        make_scenario(
            Reorganisation.objects.get(slug="p-qkk-qwe-2027-04-01"),
            TerritoryPlan.objects.get(name="Key accounts 2026/27"),
            name="Key accounts if South London clusters",
            by=User.objects.get(username="planner"),
        )
    return Scenario.objects.first()


def territory(code):
    return Territory.objects.get(plan__name="Primary care 2026/27", code=code).get_absolute_url()


def person(**fields):
    return Person.objects.filter(**fields).order_by("pk").first().get_absolute_url()


def a_certificate():
    """An approval of a letter that was withdrawn, and one that holds; made once."""
    if not Certificate.objects.exists():
        steward = User.objects.get(username="steward")
        for withdrawn in (
            {"withdrawn_at": now(), "withdrawn_by": steward, "reason": "Typing"},
            {},
        ):
            factories.certificate(by=steward, **withdrawn)
    return Certificate.objects.first()


def letters_off():
    address = off_address(User.objects.get(username="rep"), [LetterKind.URGENT])
    return address.removeprefix(settings.BASE_URL)


def letter(username):
    sent = Digest.objects.sent()  # another test may have raised one just now
    return sent.filter(person__username=username).first().get_absolute_url()


def on_the_roster(code):
    entry = Territory.objects.get(plan__name="Primary care 2026/27", code=code).roster.first()
    return f"{entry.territory.get_absolute_url()}roster/{entry.pk}/"


def release(name, *, kind=Release.Kind.BUNDLE, args=()):
    return reverse(f"footprints:{name}", args=[Release.objects.get(kind=kind).pk, *args])


# A trust as etr has it, with an unknown system; then a line that cannot be read.
TRUST = (
    '"RZ1","NORTHERN SEA NHS TRUST","Y59","QZZ","","","","","","ME1 1AA","20130401",'
    + '"",' * 15
    + '""\r\n'
)
TRUSTS = TRUST + TRUST.replace("RZ1", "RZ2").replace("20130401", "20131301")


def report(content=TRUSTS):
    """A report that was dropped in and read, and waits; or was refused."""
    try:
        found = receive_report(
            BytesIO(content.encode()), name="etr of today.csv", via=Report.Via.FORM
        )
    except Received as before:
        return before.report
    return preview_report(found)


def proposal():
    """A split that a steward has yet to decide, with its members; made once.

    The facts it rests on are taken back: what other tests of this worker read is the bundle.
    """
    if not Proposal.objects.exists():
        with transaction.atomic():
            nhs = Register()
            old = nhs.body("ZZ01", closed_on=DAY)
            members = nhs.join(old, 12)
            nhs.move(members[:8], nhs.body("ZZ02", opened_on=DAY))
            nhs.move(members[8:11], nhs.body("ZZ03", opened_on=DAY))
            (made,) = propose(at=now(), since=DAY, until=DAY)
            transaction.set_rollback(True)
        made.pk = None
        made.save(force_insert=True)
    return Proposal.objects.first()


# Name in the URL conf → [(address or a function that finds one, who opens it)].
PAGES = {
    "account_logout": [("/sign-out/", ALL)],
    "account_signup": [("/sign-up/", {None})],
    "account_login": [("/sign-in/", {None})],
    "account_inactive": [("/sign-in/inactive/", {None})],
    "account_change_password": [("/password/", ALL)],
    "account_reset_password": [("/password/forgotten/", {None})],
    "account_reset_password_done": [("/password/forgotten/sent/", {None})],
    "account_reset_password_from_key": [("/password/new/1-no-such-key/", {None})],
    "account_reset_password_from_key_done": [("/password/new/done/", {None})],
    "account_reauthenticate": [("/sign-in/again/", ALL)],
    "accounts:home": [("/", ALL)],
    "accounts:beside": [("/beside/", ALL)],
    "accounts:flags": [("/alerts/", ALL)],
    "footprints:search": [("/search/?q=kent", ALL), ("/search/?q=Cambrige", {"planner"})],
    "accounts:post_flags": [("/alerts/posts/", STEWARD)],
    "accounts:flag": [
        (lambda: flag_of("Key accounts 2026/27", "South East London").get_absolute_url(), PLANS),
        (lambda: flag_of("Primary care 2019/20", "Kent and Medway CCG").get_absolute_url(), PLANS),
        (lead_flag, PLANS),
        (watch_flag, {"planner"}),
        (lambda: flag_of("Primary care 2026/27", "Thames Valley").get_absolute_url(), ALL),
    ],
    "accounts:watches": [(lambda: watched() and "/watches/", {"planner"}), ("/watches/", {"rep"})],
    "accounts:watch_questions": [(watch_questions, {"planner"})],
    "accounts:sheet": [
        (lambda: sheet("Primary care 2019/20", "Kent and Medway CCG"), {"planner"}),
        (lambda: sheet("Key accounts 2026/27", "South East London"), {"planner"}),
    ],
    "accounts:decide": [
        (lambda: sheet("Primary care 2019/20", "Kent and Medway CCG") + "91Q/owner/", {"planner"}),
    ],
    "accounts:talk": [
        (
            lambda: sheet("Primary care 2019/20", "Kent and Medway CCG") + "91Q/owner/talk/",
            {"planner"},
        ),
    ],
    "accounts:undo_sheet": [(lambda: undo_of_a_sheet(), {"planner"})],
    "accounts:event_sheets": [
        (lambda: f"/sheets/{a_stopped_job().event.slug}/", PLANS),
        ("/sheets/91q-2020-04-01/?state=deciding", PLANS),
    ],
    "accounts:sheets_together": [
        ("/sheets/91q-2020-04-01/prepare/", PLANS),
        (lambda: undo_of_a_sheet() and "/sheets/91q-2020-04-01/undo/", PLANS),
    ],
    "accounts:job": [(lambda: a_stopped_job().get_absolute_url(), PLANS)],
    "accounts:balance": [
        (lambda: measure() and plan("Primary care 2026/27") + "balance/", PLANS),
        (lambda: plan("Hospital 2026/27") + "balance/", PLANS),
    ],
    "accounts:coverage": [
        (lambda: plan("Primary care 2026/27") + "coverage/", {"planner"}),
        (lambda: covered_twice() + "coverage/", PLANS),
    ],
    "accounts:measures": [(lambda: measure() and "/measures/", PLANS)],
    "accounts:bring_measure": [("/measures/new/", PLANS)],
    "accounts:measure": [(lambda: measure().get_absolute_url(), PLANS)],
    "accounts:delete_measure": [(lambda: f"/measures/{measure().pk}/delete/", {"planner"})],
    "accounts:teams": [("/teams/", PLANS)],
    "accounts:make_team": [("/teams/new/", PLANS)],
    "accounts:team": [
        (lambda: Team.objects.get(name="Hospital").get_absolute_url(), PLANS),
    ],
    "accounts:make_data_supplier": [("/teams/data/new/", PLANS)],
    "accounts:data_supplier": [
        (lambda: DataSupplier.objects.first().get_absolute_url(), PLANS),
    ],
    "accounts:take_along": [
        (lambda: taken("Kent and Medway CCG: eight"), ALL),
        (lambda: taken("Thames Valley"), {"planner"}),
    ],
    "accounts:ledger": [("/ledger/", ALL)],
    "accounts:task": [
        (lambda: f"/tasks/{slug('South East London with South West')}/twelve-weeks/", PLANS),
    ],
    "accounts:calendar": [("/calendar/", ALL), (lambda: with_a_feed("planner"), PLANS)],
    "accounts:replay": [("/replay/?stop=1", ALL), ("/replay/?stop=4", {"planner"})],
    "accounts:scenarios": [(lambda: scenario() and "/scenarios/", PLANS)],
    "accounts:make_scenario": [("/scenarios/new/?event=p-qkk-qwe-2027-04-01", PLANS)],
    "accounts:scenario": [(lambda: scenario().get_absolute_url(), PLANS)],
    "accounts:webhooks": [(lambda: a_delivery() and "/webhooks/", PLANS)],
    "accounts:make_webhook": [("/webhooks/new/", PLANS)],
    "accounts:dead_letters": [("/webhooks/dead/", PLANS)],
    "accounts:webhook": [
        (lambda: a_delivery().webhook.get_absolute_url(), PLANS),
    ],
    "accounts:change_webhook": [(lambda: f"{a_webhook()}change/", PLANS)],
    "accounts:change_secret": [(lambda: f"{a_webhook()}secret/", PLANS)],
    "accounts:retire_webhook": [(lambda: f"{a_webhook()}retire/", PLANS)],
    "accounts:delivery": [(lambda: a_delivery().get_absolute_url(), PLANS)],
    "accounts:inbox": [("/inbox/", ALL)],
    "accounts:due": [("/due/", ALL)],
    "accounts:outbox": [("/letters/", ALL)],
    "accounts:writing_hours": [("/letters/hours/", ALL)],
    "accounts:certificates": [(lambda: a_certificate() and "/letters/certified/", STEWARD)],
    "accounts:certify": [("/letters/certified/changes/", STEWARD)],
    "accounts:letter_policy": [("/letters/certified/asked/", STEWARD)],
    "accounts:letters_off": [(lambda: letters_off(), {None, "planner"})],
    "accounts:letter": [
        (lambda: letter("planner"), PLANS),
        (lambda: letter("rep"), {"rep"}),
    ],
    "accounts:suggest": [(lambda: plan("Primary care 2026/27") + "suggest/", PLANS)],
    "accounts:suggestion": [(lambda: a_suggestion(), PLANS)],
    "accounts:challenges": [(lambda: a_challenge() and "/challenges/", ALL)],
    "accounts:challenge": [(lambda: a_challenge().get_absolute_url(), PLANS | {"rep"})],
    "accounts:raise_challenge": [(lambda: territory("T21") + "challenge/", PLANS | {"rep"})],
    "accounts:plans": [("/plans/", ALL)],
    "accounts:make_plan": [("/plans/new/", PLANS)],
    "accounts:compare": [
        (lambda: compared(), PLANS),
        ("/plans/compare/", PLANS),
    ],
    "accounts:load_files": [(lambda: plan("Primary care 2026/27") + "files/", PLANS)],
    "accounts:alignment": [("/plans/import/", PLANS)],
    "accounts:plan": [
        (lambda: plan("Primary care 2026/27"), ALL),
        (lambda: plan("Primary care 2019/20 (replay)") + "?on=2020-03-31", PLANS),
        (lambda: plan("Hospital 2026/27"), PLANS),
    ],
    "accounts:draw": [
        (lambda: plan("Primary care 2026/27") + "draw/", PLANS),
        (lambda: plan("Hospital 2026/27") + "draw/", PLANS),
    ],
    "accounts:plan_settings": [(lambda: plan("Primary care 2026/27") + "settings/", PLANS)],
    "accounts:plan_history": [(lambda: plan("Primary care 2026/27") + "history/", PLANS)],
    "accounts:add_territory": [
        (lambda: plan("Primary care 2026/27") + "territories/add/", {"planner"}),
    ],
    "accounts:territory": [
        (lambda: territory("T21"), ALL),
        (lambda: territory("T13"), PLANS),
    ],
    "accounts:territory_settings": [(lambda: territory("T13") + "settings/", PLANS)],
    "accounts:put_on_roster": [(lambda: territory("T13") + "roster/", PLANS)],
    "accounts:leave_territory": [(lambda: on_the_roster("T13"), PLANS)],
    "clock:schedules": [(lambda: schedule() and "/clock/", STEWARD)],
    "clock:schedule": [(lambda: f"/clock/{schedule().pk}/", STEWARD)],
    "clock:runs": [(lambda: schedule() and "/clock/runs/", STEWARD)],
    "clock:jobs": [("/clock/jobs/", STEWARD)],
    "clock:health": [(lambda: schedule() and "/clock/health/", STEWARD)],
    "stakeholders:people": [("/people/", ALL), ("/people/?within=QNQ&on=2026-03-31", PLANS)],
    "stakeholders:person": [(lambda: person(), ALL)],
    "footprints:organisations": [
        ("/register/", ALL),
        ("/register/?on=2020-03-31&kind=ccg&q=kent", PLANS),
        ("/register/?q=no+such+body", PLANS),
    ],
    "footprints:organisation": [
        ("/register/91Q/", ALL),
        ("/register/QNQ/?on=2026-04-01", PLANS),
        ("/register/P-QHL-QUA/", PLANS),
        ("/register/APC-01/", STEWARD),
        ("/register/PC-01/", STEWARD),
        ("/register/E92000001/", PLANS),
        ("/register/Y59/?on=2021-01-01", PLANS),
    ],
    "footprints:days": [
        ("/register/days/", ALL),
        ("/register/days/?year=2020&to=/register/91Q/", PLANS),
    ],
    "footprints:walk": [
        ("/register/walk/", ALL),
        ("/register/walk/?path=E92000001/Y59/QKS/91Q", PLANS),
    ],
    "footprints:lead_providers": [("/register/lead-providers/", ALL)],
    "footprints:releases": [("/register/releases/", ALL)],
    "footprints:release": [(lambda: release("release"), ALL)],
    "footprints:findings": [(lambda: release("findings"), ALL)],
    "footprints:release_facts": [
        (lambda: release("release_facts", args=["version"]), ALL),
        (lambda: release("release_facts", args=["succession"]) + "?did=retracted", PLANS),
    ],
    "footprints:undo_release": [(lambda: release("undo_release"), STEWARD)],
    "footprints:reports": [("/register/reports/", ALL)],
    "footprints:new_report": [("/register/reports/new/", STEWARD)],
    "footprints:proposals": [(lambda: proposal() and "/register/proposals/", ALL)],
    "footprints:proposal": [(lambda: proposal().get_absolute_url(), ALL)],
    "footprints:report": [
        (lambda: report().get_absolute_url(), ALL),
        (lambda: report("no report at all").get_absolute_url(), STEWARD),
    ],
    "footprints:feeds": [("/register/feeds/", ALL)],
    "footprints:reorganisations": [("/reorganisations/", ALL)],
    "footprints:record_event": [
        ("/reorganisations/new/", STEWARD),
        (
            "/reorganisations/new/?kind=split&before=QKS&after=S9B9J&new_name=East&new_kind=icb"
            "&effective_on=2028-04-01&said_by=board&find_after=kent",
            STEWARD,
        ),
        (
            "/reorganisations/new/?kind=merger&before=QHL&before=QUA&new_name=North&new_kind=icb"
            "&effective_on=2028-04-01&said_by=board",
            STEWARD,
        ),
    ],
    "footprints:board": [("/reorganisations/board/", ALL)],
    "footprints:move_event": [
        (lambda: event("South East London with South West London") + "move/?to=rejected", STEWARD),
    ],
    "footprints:move_date": [
        (lambda: event("South East London with South West London") + "day/", STEWARD),
    ],
    "footprints:reorganisation": [
        (lambda: event("Thames Valley"), ALL),
        (lambda: event("Kent and Medway CCG: eight"), PLANS),
        (lambda: event("South East London with South West London"), PLANS),
    ],
}

# Addresses that are no pages: they do something and lead to a page, or answer a machine.
DEEDS = {
    "accounts:watch",
    "accounts:stop_watching",
    "accounts:answer_watch",
    "healthz",
    "healthz_jobs",
    "clock:run_now",
    "clock:as_installed",
    "clock:stop_run",
    "clock:stop_job",
    "clock:again",
    "accounts:calendar_feed",
    "account_set_password",  # leads to /password/ for everybody who has one
    "footprints:fetch_feed",
    "footprints:shapes",  # a file that maps fetch
    "accounts:letter_html",  # what a frame of the letter's page holds
    "accounts:crosswalk",
    "accounts:brief",
    "accounts:territory_brief",
    "accounts:ledger_file",
    "accounts:refresh_scenario",
    "accounts:alert_deed",
    "accounts:alerts_deed",
    "accounts:reminders_deed",
    "accounts:save_view",
    "accounts:remove_view",
    "accounts:withdraw_certificate",
    "accounts:resolve_flag",
    "accounts:decide_many",
    "accounts:set_sheet_days",
    "accounts:prepare_sheet",
    "accounts:approve_sheet",
    "accounts:take_back_sheet",
    "accounts:apply_sheet",
    "accounts:take_suggestion",
    "accounts:throw_suggestion_away",
    "accounts:stop_suggestion",
    "accounts:answer_challenge",
    "accounts:withdraw_challenge",
    "accounts:stop_job",
    "accounts:go_on_with_job",
    "accounts:resolve_posts",
    "accounts:send_again",
    "accounts:test_webhook",
    "accounts:copy_plan",
    "accounts:plan_deed",
    "accounts:draw_change",
    "accounts:draw_redo",
    "accounts:draw_since",
    "accounts:draw_state",
    "accounts:draw_territory",
    "accounts:draw_undo",
    "accounts:draw_weights",
    "accounts:assign",
    "accounts:free",
    "accounts:declare_shares",
    "accounts:remove_territory",
    "footprints:accept_proposal",
    "footprints:dismiss_proposal",
    "footprints:report_file",
    "footprints:apply_report",
    "footprints:stop_report",
    "footprints:discard_report",
    "footprints:read_report_again",
}


def names_of(resolver, space=""):
    for pattern in resolver.url_patterns:
        if not isinstance(pattern, URLResolver):
            yield space + pattern.name
        elif pattern.namespace != "admin":
            yield from names_of(pattern, f"{pattern.namespace}:" if pattern.namespace else space)


def test_every_address_of_the_url_conf_is_opened_here_or_is_no_page():
    assert set(names_of(get_resolver())) == set(PAGES) | DEEDS
    assert not set(PAGES) & DEEDS


class Inspector:
    """Opens pages and gathers what is wrong with them, so that one run tells all of it."""

    def __init__(self, page):
        self.page = page
        self.axe = Axe()
        self.sizes = {}
        self.wrong = []
        page.emulate_media(reduced_motion="reduce")  # no colour is looked at half-way

    def look(self, address, *, axe=None):
        """Open the page; `axe` is None, "light" for a look, or "all" for every state of it."""
        page = self.page
        page.set_viewport_size(DESKTOP)
        answer = page.goto(address)
        if answer.status != 200:
            self.wrong.append(f"{address}: status {answer.status}")
            return
        if (kib := self.weight()) > MOST_KIB:
            self.wrong.append(f"{address}: {kib:.0f} KiB")
        self.measure(address, DESKTOP)
        self.ask_for_files()
        page.set_viewport_size(PHONE)
        self.measure(address, PHONE)
        if not axe:
            return
        page.evaluate(READY)
        for sheet in page.evaluate(SPILLING):
            self.wrong.append(f"{address}: a sheet is smaller than what it holds: {sheet}")
        if axe == "all":
            self.ask_axe(f"{address}, phone", only=["scrollable-region-focusable", "target-size"])
        page.set_viewport_size(DESKTOP)
        self.ask_axe(f"{address}, light")
        if axe == "all":
            page.emulate_media(color_scheme="dark")
            self.ask_axe(f"{address}, dark", only=["color-contrast", "link-in-text-block"])
            page.emulate_media(color_scheme="light")

    def ask_for_files(self):
        """A list is a file too, for a person and for a program."""
        for link in self.page.locator("main a[href*='format=csv']").all():
            file = urljoin(self.page.url, link.get_attribute("href"))
            for form in ("csv", "xlsx", "json"):
                address = file.replace("format=csv", f"format={form}")
                if (status := self.page.request.get(address).status) != 200:
                    self.wrong.append(f"{address}: status {status}")

    def weight(self):
        entries = self.page.evaluate(
            """() => ["navigation", "resource"]
            .flatMap((type) => performance.getEntriesByType(type))
            .map((entry) => [entry.name, entry.decodedBodySize])"""
        )
        for name, size in entries:  # a file that the browser kept from before counts nothing there
            self.sizes[name] = max(size, self.sizes.get(name, 0))
        return sum(self.sizes[name] for name in {name for name, _ in entries}) / 1024

    def measure(self, address, viewport):
        width = self.page.evaluate("document.documentElement.scrollWidth")
        if width > viewport["width"]:
            self.wrong.append(f"{address}: {width} px wide on {viewport['width']}")

    def ask_axe(self, where, only=None):
        options = AXE | ({"runOnly": only} if only else {})
        found = self.axe.run(self.page, options=options).response["violations"]
        for violation in found:
            if violation["impact"] in GRAVE:
                nodes = [node["html"][:150] for node in violation["nodes"][:3]]
                self.wrong.append(
                    f"{where}: {violation['id']}, {len(violation['nodes'])} × {nodes}"
                )


@pytest.mark.parametrize("username", [None, "planner", "rep", "steward"])
def test_every_page_is_sound(sit_down, username):
    inspector = Inspector(sit_down(username).page)

    for pages in PAGES.values():
        is_first = True
        for address, people in pages:
            if username not in people:
                continue
            # Axe is slow: what the planner opens too, and a second page of a template, get less.
            asks = username == "planner" or "planner" not in people
            axe = None if not asks else "all" if is_first else "light"
            inspector.look(address() if callable(address) else address, axe=axe)
            is_first = False

    assert not inspector.wrong, "\n".join(inspector.wrong)


def test_every_list_and_form_of_the_admin_opens(sit_down):
    page = sit_down("steward").page
    steward = User.objects.get(username="steward")
    addresses = ["/admin/"]
    for model in admin.site._registry:
        label, name = model._meta.app_label, model._meta.model_name
        if steward.has_perm(f"{label}.view_{name}"):
            addresses.append(reverse(f"admin:{label}_{name}_changelist"))
    forms, wrong = 0, []
    for address in addresses:
        answer = page.goto(address)
        if answer.status != 200:
            wrong.append(f"{address}: status {answer.status}")
            continue
        if add := page.query_selector(".object-tools .addlink"):
            answer = page.goto(add.get_attribute("href"))
            forms += 1
            if answer.status != 200 or not page.query_selector("form .submit-row"):
                wrong.append(f"{page.url}: status {answer.status}, or no form")

    assert len(addresses) > 15
    assert forms > 10
    assert wrong == []


def test_the_keyboard_skips_to_the_page_and_reaches_the_search_the_day_and_the_rows(planner):
    planner.goto("/register/?on=2020-03-31&kind=ccg")
    planner.keyboard.press("Tab")
    expect(planner.get_by_role("link", name="Skip to the page")).to_be_focused()
    planner.keyboard.press("Enter")
    expect(planner.locator("main")).to_be_focused()

    planner.keyboard.press("/")
    expect(planner.locator("#search")).to_be_focused()
    planner.keyboard.press("Escape")
    planner.locator("main").focus()
    planner.keyboard.press("d")
    expect(planner.locator("#as-at-on")).to_be_focused()
    planner.keyboard.press("Escape")
    expect(planner.locator("#as-at-on")).not_to_be_visible()

    planner.locator("main").focus()
    planner.keyboard.press("ArrowDown")
    planner.keyboard.press("ArrowDown")
    row = planner.locator("#results tbody tr").nth(1)
    expect(row.get_by_role("link").first).to_be_focused()
    code = row.locator("td.code").first.inner_text()
    planner.keyboard.press("Enter")
    expect(planner.get_by_role("heading", level=1)).to_contain_text(code)

    planner.wait_for_load_state()  # keys are heard once the page's script has run
    planner.keyboard.press("?")
    expect(planner.get_by_role("heading", name="Keys")).to_be_visible()

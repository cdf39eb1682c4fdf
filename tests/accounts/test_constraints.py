"""What the database itself keeps of plans and flags: each rule broken once."""

from datetime import date, time

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.timezone import now

from accounts.models import (
    Alert,
    Assignment,
    Certificate,
    Challenge,
    Digest,
    Figure,
    Flag,
    LetterPolicy,
    Measure,
    Reminder,
    RosterEntry,
    SavedView,
    SharedUnit,
    Sheet,
    SheetChange,
    Suggestion,
    Team,
    Territory,
    TerritoryPlan,
    Unwanted,
    User,
    Watch,
    WatchList,
    WatchMove,
    WritingHours,
)
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2020, 4, 1)
EVE = date(2020, 3, 31)


def refused(name):
    return pytest.raises(IntegrityError, match=name)


def check_deferred():
    """Ask now for what the database checks at the end of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("closed_on", [EVE, DAY], ids=["before", "the same day"])
@pytest.mark.parametrize(
    ("build", "name"),
    [
        (make.plan, "plan_opens_before_it_closes"),
        (make.assignment, "accounts_assignment_opens_before_it_closes"),
        (make.roster_entry, "accounts_rosterentry_opens_before_it_closes"),
    ],
)
def test_nothing_of_ours_closes_before_it_opens(build, name, closed_on):
    with refused(name):
        build(opened_on=DAY, closed_on=closed_on)


def test_a_plan_is_flagged_no_further_than_it_is():
    with refused("territoryplan_flagged_no_further_than_it_is"):
        make.plan(revision=1, flagged_revision=2)


def test_a_plan_has_a_first_day():
    with refused("opened_on"):
        make.plan(opened_on=None)


def test_a_territory_code_is_one_territory_of_a_plan():
    territory = make.territory()
    make.territory(code=territory.code)  # a witness: another plan's

    with refused("territory_code_once_a_plan"):
        make.territory(plan=territory.plan, code=territory.code)


def test_a_territory_is_named_with_its_plan():
    """The key that assignments are tied by: a plan and a territory once."""
    territory = make.territory()

    with refused("territory_plan_key|accounts_territory_pkey"):
        Territory.objects.bulk_create(
            [Territory(pk=territory.pk, plan=territory.plan, code="other", name="other")]
        )


def test_a_unit_is_in_one_territory_of_a_plan_at_a_time_in_a_role():
    first = make.assignment(opened_on=EVE, closed_on=DAY)
    here = {"plan": first.plan, "organisation": first.organisation}
    other = make.territory(plan=first.plan)
    make.assignment(**here, territory=other, opened_on=DAY)  # a witness: the day after
    make.assignment(**here, territory=other, opened_on=EVE, role="mirror")  # a witness
    make.assignment(organisation=first.organisation, opened_on=EVE)  # a witness: another plan

    with refused("assignment_unit_once_at_a_time"):
        make.assignment(**here, territory=other, opened_on=None, closed_on=DAY)


def test_an_assignment_s_territory_is_one_of_its_plan():
    stranger = make.plan()

    with refused("assignment_territory_of_its_plan"), transaction.atomic():
        make.assignment(plan=stranger)
        check_deferred()


def test_a_territory_does_not_leave_its_plan_while_units_are_in_it():
    assignment = make.assignment()

    with refused("assignment_territory_of_its_plan"), transaction.atomic():
        Territory.objects.filter(pk=assignment.territory_id).update(plan=make.plan())
        check_deferred()


def test_an_organisation_that_a_plan_covers_is_never_deleted():
    assignment = make.assignment()

    with pytest.raises(ProtectedError):
        assignment.organisation.delete()


def test_an_assignment_is_held_to_a_territory_that_is_there():
    assignment = make.assignment()

    with refused("assignment_territory_of_its_plan"), transaction.atomic():
        Assignment.objects.filter(pk=assignment.pk).update(territory=-1)
        check_deferred()
    with refused("assignment_territory_of_its_plan"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_territory WHERE id = %s", [assignment.territory_id])
        check_deferred()


def test_what_a_sheet_s_inverse_names_is_never_deleted():
    removed = make.assignment()
    change = SheetChange.objects.create(
        sheet=Sheet.objects.create(flag=make.flag(removed.plan)),
        deed=SheetChange.Deed.REMOVED,
        assignment=removed.pk,
        territory=removed.territory,
        organisation=removed.organisation,
        role=removed.role,
    )
    removed.delete()

    for named in (change.territory, change.territory.plan, change.organisation):
        with pytest.raises(ProtectedError):
            named.delete()


def test_a_territory_has_one_owner_at_a_time():
    first = make.roster_entry(opened_on=None, closed_on=DAY)
    make.roster_entry(territory=first.territory, opened_on=DAY)  # a witness: the next one
    make.roster_entry(territory=first.territory, opened_on=EVE, role="cover")  # a witness

    with refused("rosterentry_one_owner_at_a_time"):
        make.roster_entry(territory=first.territory, opened_on=EVE, closed_on=DAY)


def test_a_roster_entry_names_somebody():
    make.roster_entry(name="A. Pasted Name")

    with refused("rosterentry_names_somebody"):
        make.roster_entry(user=None)


def test_a_team_has_a_name_of_its_own():
    team = make.team()

    with refused("name"):
        make.team(name=team.name)


@pytest.mark.parametrize("half", [{"cycle_months": 12}, {"cycle_on": DAY}], ids=["months", "day"])
def test_a_team_s_cycle_lasts_so_long_and_starts_on_a_day(half):
    make.team(cycle_months=12, cycle_on=DAY)  # a witness

    with refused("team_cycle_lasts_and_starts"):
        make.team(**half)


def test_who_owns_a_plan_is_never_deleted():
    plan = make.plan()

    with pytest.raises(ProtectedError):
        plan.owner.delete()


def test_a_thing_of_ours_has_one_flag_an_event():
    flag = make.flag()
    make.flag(flag.root)  # a witness: another event
    make.flag(reorganisation=flag.reorganisation)  # a witness: another plan

    with refused("flag_once_a_thing_and_event"):
        make.flag(flag.root, reorganisation=flag.reorganisation)


@pytest.mark.parametrize("half", ["resolved_at", "resolved_by"])
def test_a_flag_is_resolved_by_somebody_at_a_moment(half):
    value = now() if half == "resolved_at" else make.user()

    with refused("flag_resolved_by_somebody"):
        make.flag(**{half: value})


def test_a_flag_that_is_resolved_says_both():
    make.flag(resolved_at=now(), resolved_by=make.user())


def test_a_flag_that_stands_has_lapsed_for_no_step():
    event = make.reorganisation()
    step = event.steps.create(state="rejected", effective_on=DAY, on=DAY)
    make.flag(reorganisation=event, lapsed_at=now(), lapsed_step=step)  # a witness

    with refused("flag_lapsed_for_a_step"):
        make.flag(reorganisation=event, lapsed_step=step)


def test_a_person_has_one_waiting_digest_a_day():
    digest = make.digest()
    make.digest(person=digest.person, effective_on=EVE)
    make.digest(person=digest.person, sent_at=now(), subject="Eight CCGs merge")

    with refused("digest_one_waiting_a_person_and_day"):
        make.digest(person=digest.person)


def test_a_person_has_one_alert_of_a_flag_however_often_it_is_raised():
    alert = make.alert()
    make.alert(flag=alert.flag)

    with refused("alert_once_a_person_and_flag"):
        make.alert(flag=alert.flag, person=alert.person)


def test_an_alert_says_how_things_stand():
    with refused("alert_has_news"):
        make.alert(news="")


def test_an_alert_is_held_by_another_only_when_it_was_handed_on():
    with refused("alert_handed_to_another"):
        make.alert(holder=make.user())


def test_who_handed_an_alert_on_did_so_at_some_time():
    with refused("alert_handed_by_at"):
        make.alert(handed_by=make.user())


def test_an_alert_is_dealt_with_by_somebody():
    with refused("alert_resolved_by_somebody"):
        make.alert(resolved_at=now())


def test_a_reminder_is_one_a_person_thing_and_day():
    first = make.reminder()
    again = {"person": first.person, "kind": first.kind, "thing": first.thing}
    make.reminder(**again, due_on=EVE)

    with refused("reminder_once_a_person_thing_and_day"):
        make.reminder(**again)


def test_a_reminder_says_what():
    with refused("reminder_says_what"):
        make.reminder(says="")


def test_reminders_are_told_in_one_letter_a_day():
    person = make.user()
    given = {"person": person, "about": "reminders"}
    make.digest(**given, sent_at=now(), subject="Due")
    make.digest(person=person)  # about what changes on that day

    with refused("digest_one_of_reminders_a_day"):
        make.digest(**given)


def test_a_certificate_expires_after_it_was_approved():
    with refused("certificate_expires_after_approval"):
        make.certificate(approved_on=DAY, expires_on=DAY)


@pytest.mark.parametrize("field", ["job_bag", "approved_by_name"])
def test_a_certificate_names_its_job_bag_and_who_approved(field):
    with refused("certificate_names_job_bag_and_approver"):
        make.certificate(**{field: ""})


def test_a_certificate_is_withdrawn_by_somebody():
    with refused("certificate_withdrawn_by_somebody"):
        make.certificate(withdrawn_at=now())


def test_the_company_lays_down_one_thing_for_letters():
    LetterPolicy.objects.create(pk=1)

    with refused("letterpolicy_only_one"):
        LetterPolicy.objects.create(pk=2)


def test_one_letter_of_reminders_waits():
    given = {"person": make.user(), "about": "reminders"}
    make.digest(**given)

    with refused("digest_one_of_reminders_waiting"):
        make.digest(**given, effective_on=EVE)


def test_a_kind_of_letter_is_unwanted_once():
    given = {"user": make.user(), "kind": "urgent", "since_at": now()}
    Unwanted.objects.create(**given)

    with refused("unwanted_once_a_person"):
        Unwanted.objects.create(**given)


def test_a_view_of_a_list_has_a_name_once():
    given = {"person": make.user(), "path": "/", "name": "Urgent", "query": "weight=3"}
    SavedView.objects.create(**given)

    with refused("savedview_once_a_name"):
        SavedView.objects.create(**given)


@pytest.mark.parametrize("wrong", [{"query": ""}, {"name": ""}, {"path": "https://nhs.uk/"}])
def test_a_view_narrows_a_list_of_ours(wrong):
    given = {"person": make.user(), "path": "/", "name": "Urgent", "query": "weight=3", **wrong}

    with refused("savedview_narrows_a_list"):
        SavedView.objects.create(**given)


@pytest.mark.parametrize("until", [None, time(22)])
def test_quiet_hours_begin_and_end(until):
    with refused("writinghours_quiet_from_and_to"):
        WritingHours.objects.create(user=make.user(), quiet_from_at=time(22), quiet_to_at=until)


def test_a_weekly_letter_comes_on_a_day_of_the_week():
    with refused("writinghours_on_a_day_of_the_week"):
        WritingHours.objects.create(user=make.user(), weekly_on=7)


def test_a_digest_went_with_another_only_when_it_was_sent():
    digest = make.digest(sent_at=now(), subject="Eight CCGs merge")

    with refused("digest_merged_when_sent"):
        make.digest(merged_into=digest)


def test_a_digest_that_was_sent_says_what():
    make.digest(sent_at=now(), subject="Eight CCGs merge")

    with refused("digest_sent_says_what"):
        make.digest(sent_at=now())


def test_a_flag_may_hang_on_a_post():
    post = make.post()

    flag = make.flag(post)

    assert flag.root == post
    assert flag.content_type == ContentType.objects.get_for_model(post)


def test_a_plan_does_not_replace_itself():
    plan = make.plan()
    make.plan(replaces=plan)  # a witness

    with refused("plan_replaces_another"):
        TerritoryPlan.objects.filter(pk=plan.pk).update(replaces=plan)


def test_a_plan_becomes_active_before_it_ends():
    life = {"opened_on": date(2019, 4, 1), "closed_on": DAY}
    make.plan(**life, activates_on=EVE)  # a witness

    with refused("plan_activates_within_its_life"):
        make.plan(**life, activates_on=DAY)


def test_a_territory_does_not_lie_under_itself():
    territory = make.territory()

    with refused("territory_not_under_itself"):
        Territory.objects.filter(pk=territory.pk).update(parent=territory)


@pytest.mark.parametrize("colour", ["red", "#0072B2", "#0072b", "0072b2a"])
def test_a_colour_has_six_digits(colour):
    make.territory(colour="#0072b2")  # a witness

    with refused("territory_colour_as_hex"):
        make.territory(colour=colour)


def test_a_capacity_is_not_negative():
    make.territory(capacity=0)  # a witness

    with refused("territory_capacity_not_negative"):
        make.territory(capacity=-1)


@pytest.mark.parametrize("fte", [0, "-0.5", "1.01"])
def test_somebody_works_with_some_of_their_time_and_at_most_all(fte):
    make.roster_entry(fte="0.20")  # a witness

    with refused("rosterentry_some_of_one_person"):
        make.roster_entry(fte=fte)


def test_a_unit_is_challenged_by_one_at_a_time():
    first = make.challenge()
    same = {"territory": first.territory, "organisation": first.organisation}
    withdrawn = {"state": "withdrawn", "decided_by": first.by, "decided_at": now()}
    make.challenge(**same, **withdrawn)  # a witness
    make.challenge(**same, role="overlay")  # a witness

    with refused("challenge_one_open_a_unit"):
        make.challenge(**same)


def test_a_challenge_says_why():
    with refused("challenge_has_a_reason"):
        make.challenge(reason="")


def test_a_challenge_is_decided_by_somebody():
    with refused("challenge_decided_by_somebody"):
        make.challenge(state="accepted")


def test_a_territory_has_one_part_of_a_unit():
    first = make.shared_unit(share="0.5")

    with refused("sharedunit_once_a_territory"):
        make.shared_unit(territory=first.territory, organisation=first.organisation, share="0.5")


@pytest.mark.parametrize("share", ["-0.1", "1.0001"])
def test_a_part_is_one_of_a_whole(share):
    with refused("sharedunit_part_of_a_whole"):
        make.shared_unit(share=share)


@pytest.mark.parametrize("is_of_a_team", [True, False])
def test_a_measure_s_name_is_one_measure_of_a_team(is_of_a_team):
    team = make.team() if is_of_a_team else None
    make.measure(name="Sales", team=team)
    make.measure(name="Sales", team=make.team())  # a witness

    with refused("measure_name_once_a_team"):
        make.measure(name="Sales", team=team)


def test_a_measure_says_where_it_is_from():
    with refused("measure_says_its_source"):
        make.measure(source="")


def test_a_measure_asks_for_no_negative_days():
    make.measure(days_each=0)  # a witness

    with refused("measure_asks_for_no_negative_days"):
        make.measure(days_each="-0.5")


def test_a_body_has_one_figure_of_a_measure():
    first = make.figure()
    make.figure(organisation=first.organisation)  # a witness: of another measure

    with refused("figure_once_a_measure"):
        make.figure(measure=first.measure, organisation=first.organisation)


# --- Watches


def test_a_watch_is_of_one_thing():
    with refused("watch_of_one_thing"):
        make.watch(organisation=make.organisation(), plan=make.plan())


def test_a_watch_is_of_something():
    with refused("watch_of_one_thing"):
        make.watch(search="")


@pytest.mark.parametrize(
    ("kind", "build"),
    [
        ("organisation", make.organisation),
        ("reorganisation", make.reorganisation),
        ("plan", make.plan),
        ("stakeholder", make.person),
        ("search", lambda: "q=kent"),
    ],
)
def test_a_thing_is_watched_once_by_one_person(kind, build):
    thing, person = build(), make.user()
    make.watch(person=person, **{kind: thing})
    make.watch(person=make.user(), **{kind: thing})  # a witness

    with refused(f"watch_{kind}_once"):
        make.watch(person=person, **{kind: thing})


@pytest.mark.parametrize("half", ["closed_on", "closed_by"])
def test_a_watch_is_closed_by_an_event_on_its_day(half):
    value = DAY if half == "closed_on" else make.reorganisation()
    make.watch(closed_on=DAY, closed_by=make.reorganisation())  # a witness

    with refused("watch_closed_by_an_event"):
        make.watch(**{half: value})


def test_only_a_watch_of_a_body_is_where_another_went():
    with refused("watch_went_on_to_a_body"):
        make.watch(plan=make.plan(), is_own=False)


def test_a_list_of_watches_is_flagged_no_further_than_it_is():
    with refused("watchlist_flagged_no_further_than_it_is"):
        WatchList.objects.create(person=make.user(), revision=1, flagged_revision=2)


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_watch_goes_to_a_successor_once_by_one_event(goes_on):
    to = make.organisation() if goes_on else None
    first = make.watch_move(successor=to)

    with refused("watchmove_once_a_successor"):
        make.watch_move(watch=first.watch, reorganisation=first.reorganisation, successor=to)


def test_nobody_is_asked_whether_to_follow_nothing():
    with refused("watchmove_asks_of_a_successor"):
        make.watch_move(successor=None, choice="asked")


@pytest.mark.parametrize(
    ("choice", "answered_at"), [("kept", None), ("left", None), ("asked", now())]
)
def test_what_is_answered_says_when(choice, answered_at):
    with refused("watchmove_answered_is_kept_or_left"):
        make.watch_move(choice=choice, answered_at=answered_at)


def test_one_suggestion_is_worked_out_for_a_plan_at_a_time():
    first = make.suggestion()
    make.suggestion(plan=first.plan, state="done")  # a witness

    with refused("suggestion_one_at_a_time_a_plan"):
        make.suggestion(plan=first.plan, state="working")


@pytest.mark.parametrize("evens", ["measure", "people"])
def test_a_suggestion_evens_a_measure_or_something_else(evens):
    measure = None if evens == "measure" else make.measure()

    with refused("suggestion_evens_a_measure"):
        make.suggestion(evens=evens, measure=measure)


@pytest.mark.parametrize("weight", [{"still": -1}, {"compact": 5.5}])
def test_a_suggestion_weighs_within_reason(weight):
    with refused("suggestion_weighs_within_reason"):
        make.suggestion(**weight)


def test_a_suggestion_is_at_most_wholly_done():
    with refused("suggestion_percent_of_a_whole"):
        make.suggestion(percent=101)


def test_every_constraint_of_ours_is_broken_above():
    """A new constraint fails this test until a test breaks it."""
    models = [
        Alert,
        Assignment,
        Certificate,
        Challenge,
        Digest,
        Figure,
        Flag,
        LetterPolicy,
        Measure,
        Reminder,
        RosterEntry,
        SavedView,
        SharedUnit,
        Suggestion,
        Team,
        Territory,
        TerritoryPlan,
        Unwanted,
        User,
        Watch,
        WatchList,
        WatchMove,
        WritingHours,
    ]

    assert {c.name for model in models for c in model._meta.constraints} == {
        "accounts_assignment_opens_before_it_closes",
        "accounts_rosterentry_opens_before_it_closes",
        "alert_handed_by_at",
        "alert_handed_to_another",
        "alert_has_news",
        "alert_once_a_person_and_flag",
        "alert_resolved_by_somebody",
        "assignment_unit_once_at_a_time",
        "certificate_expires_after_approval",
        "certificate_names_job_bag_and_approver",
        "certificate_withdrawn_by_somebody",
        "challenge_decided_by_somebody",
        "challenge_has_a_reason",
        "challenge_one_open_a_unit",
        "digest_merged_when_sent",
        "digest_one_of_reminders_a_day",
        "digest_one_of_reminders_waiting",
        "digest_one_waiting_a_person_and_day",
        "digest_sent_says_what",
        "figure_once_a_measure",
        "flag_lapsed_for_a_step",
        "flag_once_a_thing_and_event",
        "flag_resolved_by_somebody",
        "letterpolicy_only_one",
        "measure_asks_for_no_negative_days",
        "measure_name_once_a_team",
        "measure_says_its_source",
        "plan_activates_within_its_life",
        "plan_opens_before_it_closes",
        "plan_replaces_another",
        "reminder_once_a_person_thing_and_day",
        "reminder_says_what",
        "rosterentry_names_somebody",
        "rosterentry_one_owner_at_a_time",
        "rosterentry_some_of_one_person",
        "savedview_narrows_a_list",
        "savedview_once_a_name",
        "sharedunit_once_a_territory",
        "sharedunit_part_of_a_whole",
        "suggestion_evens_a_measure",
        "suggestion_one_at_a_time_a_plan",
        "suggestion_percent_of_a_whole",
        "suggestion_weighs_within_reason",
        "team_cycle_lasts_and_starts",
        "territory_capacity_not_negative",
        "territory_code_once_a_plan",
        "territory_colour_as_hex",
        "territory_not_under_itself",
        "territory_plan_key",
        "territoryplan_flagged_no_further_than_it_is",
        "unwanted_once_a_person",
        "watch_closed_by_an_event",
        "watch_of_one_thing",
        "watch_organisation_once",
        "watch_plan_once",
        "watch_reorganisation_once",
        "watch_search_once",
        "watch_stakeholder_once",
        "watch_went_on_to_a_body",
        "watchlist_flagged_no_further_than_it_is",
        "watchmove_answered_is_kept_or_left",
        "watchmove_asks_of_a_successor",
        "watchmove_once_a_successor",
        "writinghours_on_a_day_of_the_week",
        "writinghours_quiet_from_and_to",
    }

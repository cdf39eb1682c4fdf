"""The pages of plans: what they show of a day, who may open them, and the way in."""

import re
from datetime import date
from io import BytesIO

import pytest
from django.urls import reverse

from accounts.models import Assignment, RosterEntry, TerritoryPlan
from accounts.views.lifecycle import DEEDS
from footprints.models import Organisation
from tests import factories

pytestmark = pytest.mark.usefixtures("register")

FIRST = date(2026, 1, 1)
TODAY = "2026-11-21"


@pytest.fixture
def planner(client):
    user = factories.user(role="planner", username="pia")
    client.force_login(user)
    return user


@pytest.fixture
def plan(planner):
    return factories.plan(opened_on=FIRST, name="Ours", state="active")


def territory(plan, *codes, code="T01", since=FIRST, **fields):
    """A territory of the plan that has these units."""
    made = factories.territory(plan=plan, code=code, **fields)
    for unit in Organisation.objects.with_codes(codes):
        factories.assignment(territory=made, organisation=unit, opened_on=since)
    return made


def get(client, thing, **params):
    address = thing if isinstance(thing, str) else thing.get_absolute_url()
    response = client.get(address, {"on": TODAY, **params})
    response.text = response.content.decode()
    return response


def rows(response):
    """The codes of the units listed."""
    return re.findall(r'name="row" value="([^"]+)"', response.content.decode())


# --- Who may open them


def test_nobody_opens_a_plan_without_signing_in(client):
    plan = factories.plan()

    assert client.get(plan.get_absolute_url()).status_code == 302


def addresses(plan, territory):
    return [plan.get_absolute_url(), territory.get_absolute_url()]


def deeds(plan, territory):
    on_plan = ["plan_settings", "copy_plan", "assign", "free", "add_territory"]
    on_territory = ["territory_settings", "remove_territory", "put_on_roster"]
    return [
        *[reverse("accounts:plan_deed", args=[plan.pk, deed]) for deed in DEEDS],
        *[reverse(f"accounts:{name}", args=[plan.pk]) for name in on_plan],
        *[reverse(f"accounts:{name}", args=[plan.pk, territory.pk]) for name in on_territory],
    ]


def test_a_walled_team_s_plan_is_not_found_by_others(client, planner):
    hidden = factories.plan(team=factories.team(is_walled=True), name="Medical secret")
    patch = territory(hidden, "91Q")

    for address in addresses(hidden, patch):
        assert client.get(address).status_code == 404
    for address in deeds(hidden, patch):
        assert client.post(address, {"reason": "No"}).status_code == 404
    assert "Medical secret" not in client.get(reverse("accounts:plans")).content.decode()


def test_a_field_user_finds_their_own_territory_and_nothing_of_the_others(client):
    rep = factories.user(role="field")
    plan = factories.plan(opened_on=FIRST, name="Ours")
    mine = territory(plan, "91Q", code="MINE")
    factories.roster_entry(territory=mine, user=rep, opened_on=FIRST)
    theirs = territory(plan, "92A", code="THEIRS", name="Not for you")
    factories.roster_entry(territory=theirs, name="Somebody Else", opened_on=FIRST)
    client.force_login(rep)

    page = get(client, plan)

    assert "MINE" in page.text
    assert "THEIRS" not in page.text
    assert "Not for you" not in page.text
    assert "Somebody Else" not in page.text
    assert 'class="tile free"' not in page.text  # nor what nobody holds
    assert get(client, mine).status_code == 200
    assert get(client, theirs).status_code == 404
    assert "92A" not in get(client, plan, format="csv").text


def test_a_field_user_without_a_patch_in_it_does_not_find_the_plan(client):
    client.force_login(factories.user(role="field"))

    assert client.get(factories.plan().get_absolute_url()).status_code == 404


@pytest.mark.parametrize("role", ["field", "steward"])
def test_who_may_not_plan_sees_no_deed_and_may_do_none(client, role):
    user = factories.user(role=role)
    plan = factories.plan(opened_on=FIRST)
    patch = territory(plan, "91Q")
    factories.roster_entry(territory=patch, user=user, opened_on=FIRST)
    client.force_login(user)

    assert "Assign a unit" not in get(client, plan).text
    assert "Bring your alignment in" not in get(client, reverse("accounts:plans")).text
    for address in deeds(plan, patch):
        assert client.post(address, {"reason": "No"}).status_code == 403
    assert client.get(reverse("accounts:alignment")).status_code == 404
    assert client.get(reverse("accounts:make_plan")).status_code == 403


def test_a_territory_is_found_under_its_own_plan_only(client, plan):
    other = factories.plan(opened_on=FIRST)
    patch = territory(plan, "91Q")

    wrong = reverse("accounts:territory", args=[other.pk, patch.pk])

    assert client.get(wrong).status_code == 404


# --- The list


def test_the_list_counts_territories_and_the_units_of_the_day(client, plan):
    territory(plan, "91Q", "92A")
    territory(plan, "13T", code="T02", since=date(2026, 12, 1))

    page = get(client, reverse("accounts:plans"))
    line = next(row for row in page.text.split("<tr>") if "Ours" in row)

    assert re.findall(r'class="number[^>]*>(\d+)', line) == ["2", "2"]


@pytest.mark.parametrize("number", [1, 30])
def test_the_list_asks_the_database_the_same_however_long_it_is(
    client, planner, django_assert_num_queries, number
):
    for _ in range(number):
        territory(factories.plan(opened_on=FIRST), "91Q")
    get(client, reverse("accounts:plans"))

    with django_assert_num_queries(6):
        get(client, reverse("accounts:plans"))


def test_the_list_offers_the_way_in_where_there_is_no_plan(client, planner):
    page = get(client, reverse("accounts:plans"))

    assert "No plans yet" in page.text
    assert reverse("accounts:alignment") in page.text


# --- A plan


def test_a_plan_shows_its_territories_owners_units_and_people(client, plan):
    patch = territory(plan, "91Q", "92A", name="Kent and Surrey")
    territory(plan, "13T", code="T02")
    factories.roster_entry(territory=patch, name="Sam Hart", opened_on=FIRST)

    page = get(client, plan)

    assert "Kent and Surrey" in page.text
    assert "Sam Hart" in page.text
    assert page.text.count("vacant") >= 1
    on_day = page.context["on_day"]
    assert [row.units for row in on_day.rows] == [2, 1]
    assert on_day.rows[0].people == sum(
        on_day.people[u] for u in on_day.held if on_day.held[u] == patch
    )
    assert {code for code, _ in on_day.rows[0].systems} == {"QKS", "S9B9J"}


def test_the_map_has_a_square_for_each_unit_of_the_day_that_names_its_territory(client, plan):
    territory(plan, "91Q")

    page = get(client, plan)

    assert (
        page.text.count('<rect class="tile ') - page.text.count('<rect class="tile free" x=".5"')
        == 106
    )
    assert "91Q NHS Kent and Medway ICB - 91Q\nT01" in page.text
    assert re.search(r'<text class="tile-label[^>]*>T01</text>', page.text)
    assert not re.search(r"<[^>]+\sstyle=", page.text)


def test_the_day_decides_what_the_plan_shows(client, plan):
    old = Organisation.objects.get(code="D4U1Y")  # Frimley's location closed on 31 March 2026
    factories.assignment(territory=territory(plan, "91Q"), organisation=old, opened_on=FIRST)

    before, after = get(client, plan, on="2026-03-31"), get(client, plan, on="2026-04-01")

    assert before.context["on_day"].closed == 0
    assert after.context["on_day"].closed == 1
    assert "closed by this day" in after.text
    assert rows(get(client, plan, on="2026-04-01", territory="closed")) == ["D4U1Y"]


def test_a_day_outside_the_plan_shows_its_nearest_and_says_so(client, plan):
    territory(plan, "91Q")

    page = get(client, plan, on="2019-06-01")

    assert "Shown is <strong>1 January 2026</strong>" in page.text
    assert page.context["on_day"].day == FIRST


def test_gaps_are_the_units_of_the_plan_s_kinds_that_live_and_have_no_territory(client, plan):
    everything = Organisation.objects.of_kind(date(2026, 11, 21), kind="sub_icb")
    codes = set(everything.values_list("code", flat=True)) - {"91Q", "92A"}
    territory(plan, *codes)

    page = get(client, plan)

    assert page.context["gaps"] == 2
    assert rows(get(client, plan, territory="none")) == ["91Q", "92A"]
    assert page.text.count('<rect class="tile free" x="') == 2 + 1  # and one in the key


@pytest.mark.parametrize(("state", "role"), [("draft", "planner"), ("submitted", "manager")])
def test_whoever_submits_or_approves_is_told_of_gaps_and_vacancies(client, plan, state, role):
    everything = Organisation.objects.of_kind(date(2026, 11, 21), kind="sub_icb")
    territory(plan, *set(everything.values_list("code", flat=True)) - {"91Q", "92A"})
    type(plan).objects.update(state=state)
    client.force_login(factories.user(role=role))

    page = get(client, plan)

    assert "2 bodies have no territory. 1 territory is vacant. That is told here" in page.text


def test_a_field_user_reads_no_mean_of_what_they_do_not_see(client, plan):
    patch = territory(plan, "91Q")
    territory(plan, "92A", code="T02")
    assert "the mark on a bar is the mean of" in get(client, plan).text

    rep = factories.user(role="field")
    factories.roster_entry(territory=patch, user=rep, opened_on=FIRST)
    client.force_login(rep)

    page = get(client, plan)
    assert "People by the newest figure" in page.text
    assert "bar-mean" not in page.text and "the mean of" not in page.text


def test_a_named_trust_beside_areas_makes_no_gap_of_every_other_trust(client, plan):
    territory(plan, "91Q", "92A", "RDU")

    kinds = {kind.pk for kind in get(client, plan).context["on_day"].gap_kinds}

    assert kinds == {"sub_icb"}


def test_what_a_wider_assignment_covers_is_no_gap(client, plan):
    # Kent and Medway ICB covers 91Q; every other location stands for its ICB.
    territory(plan, "QKS", "92A")

    gaps = get(client, plan).context["on_day"].gaps

    codes = set(Organisation.objects.filter(pk__in=gaps).values_list("code", flat=True))
    assert not codes & {"91Q", "QKS", "92A", "S9B9J"}
    assert "13T" in codes


def test_units_are_filtered_by_words_and_by_territory(client, plan):
    patch = territory(plan, "91Q", "92A")

    assert rows(get(client, plan, q="kent")) == ["91Q"]
    assert rows(get(client, plan, q="92a")) == ["92A"]
    assert set(rows(get(client, plan, territory=patch.pk))) == {"91Q", "92A"}
    assert set(rows(get(client, plan, q="medway kent"))) == {"91Q"}


def test_an_htmx_request_for_the_list_does_not_draw_the_map_again(client, plan):
    territory(plan, "91Q")

    piece = client.get(plan.get_absolute_url(), {"on": TODAY}, headers={"HX-Request": "true"})

    assert b'id="results"' in piece.content
    assert b"<rect" not in piece.content


@pytest.mark.parametrize("number", [1, 30])
def test_a_plan_asks_the_database_the_same_however_large_it_is(
    client, plan, django_assert_max_num_queries, number
):
    units = list(Organisation.objects.of_kind(date(2026, 11, 21), kind="sub_icb")[:number])
    for n, unit in enumerate(units):
        patch = factories.territory(plan=plan, code=f"T{n}")
        factories.roster_entry(territory=patch, name=f"Rep {n}", opened_on=FIRST)
        factories.assignment(territory=patch, organisation=unit, opened_on=FIRST)
    get(client, plan)  # the days offered are kept from here on

    with django_assert_max_num_queries(18):
        get(client, plan)


@pytest.mark.parametrize("number", [1, 30])
def test_a_territory_asks_the_database_the_same_however_large_it_is(
    client, plan, django_assert_max_num_queries, number
):
    units = Organisation.objects.of_kind(date(2026, 11, 21), kind="sub_icb")
    patch = territory(plan, *units.values_list("code", flat=True)[:number])
    get(client, patch)

    with django_assert_max_num_queries(20):
        get(client, patch)


def test_an_empty_plan_says_what_to_do(client, plan):
    page = get(client, plan)

    assert "No territories yet" in page.text
    assert '<svg class="tiles"' not in page.text


def test_a_territory_shows_its_units_its_roster_and_where_it_lies(client, plan):
    patch = territory(plan, "91Q", code="T01", name="Kent")
    territory(plan, "92A", code="T02")
    factories.roster_entry(
        territory=patch, name="Sam Hart", opened_on=FIRST, closed_on=date(2026, 7, 1)
    )
    factories.roster_entry(territory=patch, name="Kim Lee", opened_on=date(2026, 7, 1))

    page = get(client, patch)

    assert rows(page) == ["91Q"]
    assert "Sam Hart" in page.text  # who worked it before
    assert "1 Jan 2026 – 30 Jun 2026" in page.text
    assert page.text.count('class="tile ours"') == 1
    assert page.text.count('class="tile others"') == 1


# --- Deeds


def test_ticked_rows_are_assigned_in_bulk(client, plan):
    patch = territory(plan, code="T07", name="Kent")

    response = client.post(
        reverse("accounts:assign", args=[plan.pk]),
        {"row": ["91Q", "92A"], "territory": patch.pk, "opened_on": TODAY},
        follow=True,
    )

    assert set(rows(response)) >= {"91Q", "92A"}
    assert "Two units belong to T07 Kent from 21 Nov 2026." in response.content.decode()
    assert Assignment.objects.filter(territory=patch, opened_on=TODAY).count() == 2


def test_a_code_that_is_no_unit_is_named_and_nothing_typed_is_lost(client, plan):
    patch = territory(plan)

    response = client.post(
        reverse("accounts:assign", args=[plan.pk]),
        {"codes": "91q, QNQ nonsense", "territory": patch.pk, "opened_on": TODAY},
    )

    assert response.status_code == 422
    assert "No unit that lives on that day: QNQ, nonsense." in response.content.decode()
    assert "91q, QNQ nonsense" in response.content.decode()
    assert not Assignment.objects.filter(plan=plan).exists()


def test_ticked_rows_are_freed_even_when_they_have_closed(client, plan):
    territory(plan, "D4U1Y", "91Q")

    client.post(
        reverse("accounts:free", args=[plan.pk]), {"row": ["D4U1Y"], "opened_on": "2026-04-01"}
    )

    freed = Assignment.objects.get(plan=plan, organisation__code="D4U1Y")
    assert freed.closed_on == date(2026, 4, 1)
    assert Assignment.objects.get(plan=plan, organisation__code="91Q").closed_on is None


def test_a_territory_of_another_plan_is_no_choice(client, plan):
    elsewhere = factories.territory()

    response = client.post(
        reverse("accounts:assign", args=[plan.pk]),
        {"codes": "91Q", "territory": elsewhere.pk, "opened_on": TODAY},
    )

    assert response.status_code == 422
    assert not Assignment.objects.filter(territory=elsewhere).exists()


def test_a_plan_is_made_by_hand_and_territories_are_added(client, planner):
    team = factories.team()

    client.post(
        reverse("accounts:make_plan"),
        {
            "name": "By hand",
            "team": team.pk,
            "role": "owner",
            "nations": ["E"],
            "opened_on": "2026-04-01",
            "closed_on": "2027-03-31",
        },
    )
    plan = TerritoryPlan.objects.get(name="By hand")
    add = reverse("accounts:add_territory", args=[plan.pk])
    client.post(add, {"code": "T01", "name": "North"})
    again = client.post(add, {"code": "T01", "name": "Other"})

    assert (plan.owner, plan.closed_on) == (planner, date(2027, 4, 1))
    assert plan.territories.get().name == "North"
    assert again.status_code == 422
    assert "has a territory T01 already" in again.content.decode()


def test_a_plan_whose_last_day_lies_before_its_first_is_refused(client, planner):
    response = client.post(
        reverse("accounts:make_plan"),
        {
            "name": "Backwards",
            "team": factories.team().pk,
            "role": "owner",
            "nations": ["E"],
            "opened_on": "2026-04-01",
            "closed_on": "2026-03-01",
        },
    )

    assert response.status_code == 422
    assert "last day lies before the first" in response.content.decode()
    assert not TerritoryPlan.objects.filter(name="Backwards").exists()


def test_somebody_is_put_on_a_territory(client, plan):
    patch = territory(plan, "91Q", code="T01")
    address = reverse("accounts:put_on_roster", args=[plan.pk, patch.pk])

    nobody = client.post(address, {"role": "owner", "opened_on": TODAY})
    given = {"name": "Sam Hart", "role": "owner", "opened_on": TODAY, "fte": "1"}
    client.post(address, given)

    assert nobody.status_code == 422
    assert RosterEntry.objects.get(territory=patch).name == "Sam Hart"


def test_a_territory_is_renamed_left_vacant_and_removed(client, plan):
    patch = factories.territory(plan=plan, code="T01")
    entry = factories.roster_entry(territory=patch, name="Sam", opened_on=FIRST)

    def post(deed, *keys, **data):
        address = reverse(f"accounts:{deed}", args=[plan.pk, patch.pk, *keys])
        return client.post(f"{address}?on={TODAY}", data)

    post("territory_settings", code="T09", name="Nine", position="0")
    post("leave_territory", entry.pk, closed_on="2026-11-20")
    patch.refresh_from_db()
    assert (patch.code, patch.name) == ("T09", "Nine")
    assert RosterEntry.objects.get(territory=patch).closed_on == date(2026, 11, 21)

    post("remove_territory")
    assert not plan.territories.exists()


def test_a_deed_is_no_link(client, plan):
    patch = territory(plan, "91Q")
    asks = ("settings/", "/add/", "/roster/")  # these have a form of their own

    for address in deeds(plan, patch):
        assert client.get(address).status_code == (200 if address.endswith(asks) else 405)


# --- An own alignment in


OURS = (
    "code\tterritory\towner\n"
    "91Q\tT07\tSam Hart\n"
    "10Y\tT08\tKim Lee\n"  # Aylesbury Vale: into 14Y
    "NHS Newcastle Gateshead CCG\tT09\t\n"
    "QNQ\tT10\t\n"  # Frimley: splits
    "nonsense\tT10\t\n"
    "\tT11\t\n"
)


def bring_in(client, text=OURS, file=None, **more):
    data = {"text": text, "name": "Own", "team": factories.team().pk, "opened_on": TODAY, **more}
    if file is not None:
        data["file"] = file
    response = client.post(reverse("accounts:alignment"), data)
    response.text = response.content.decode()
    return response


def test_the_preview_lists_each_attempt_to_put_a_unit_twice(client, planner):
    text = "code\tterritory\n91Q\tT01\n92A\tT01\n91Q\tT01\n72Q\tT01\n72Q\tT02\n"

    page = bring_in(client, text)

    assert "Written more than once" in page.text
    assert re.search(r"91Q.*?line 2.*?line 4", page.text[page.text.index('id="repeats"') :], re.S)
    assert "One unit, several territories" in page.text


def upload(data, name="alignment.csv"):
    file = BytesIO(data)
    file.name = name
    return file


def test_the_form_says_what_is_understood(client, planner):
    page = get(client, reverse("accounts:alignment"))

    assert "any name it ever had" in page.text
    assert f'value="{TODAY}"' in page.text


def test_the_preview_says_what_each_line_means_and_makes_nothing(client, planner):
    page = bring_in(client)

    found = page.context["resolution"]
    assert [f.body.code for f in found.resolved] == ["91Q", "14Y", "13T"]
    assert [f.line.unit for f in found.unresolved] == ["QNQ", "nonsense"]
    assert [bad.number for bad in page.context["read"].bad] == [7]
    assert "splits between S0E4D (59%)" in page.text
    assert "Leave out the other 3 lines" in page.text
    assert "Make the plan with the 3 units that resolve" in page.text
    assert not TerritoryPlan.objects.exists()


def test_a_list_of_an_earlier_day_is_offered_that_day_and_shows_what_came_after(client, planner):
    frimley = "D4U1Y\tT01\n92A\tT02\nD9Y0V\tT01\nQH8\tT02"

    page = bring_in(client, frimley)
    assert page.context["better_day"].day == date(2026, 3, 31)
    assert "Take 31 March 2026" in page.text

    taken = bring_in(client, frimley, as_of="2026-03-31")
    assert taken.context["resolution"].day == date(2026, 3, 31)
    assert taken.context["better_day"] is None
    assert len(taken.context["resolution"].resolved) == 4

    bring_in(client, frimley, opened_on="2026-03-31", make=1)
    plan = TerritoryPlan.objects.get()
    page = get(client, plan)
    assert "<strong>1 April 2026</strong>" in page.text


def test_a_list_of_today_is_offered_no_other_day(client, planner):
    assert bring_in(client, "91Q\tT07\nU2G6B\tT08").context["better_day"] is None


def test_the_rest_is_left_out_only_where_that_is_ticked(client, planner):
    refused = bring_in(client, make=1)
    assert refused.status_code == 422
    assert "Tick this" in refused.text
    assert not TerritoryPlan.objects.exists()

    made = bring_in(client, make=1, leave_out="on")

    plan = TerritoryPlan.objects.get()
    assert made.headers["Location"] == plan.get_absolute_url()
    assert set(plan.assignments.values_list("organisation__code", "territory__code")) == {
        ("91Q", "T07"),
        ("14Y", "T08"),
        ("13T", "T09"),
    }
    assert plan.owner == planner


def test_a_line_that_may_mean_several_units_means_what_was_chosen(client, planner):
    bring_in(client, make=1, leave_out="on", **{"choice-5": "QRL"})

    plan = TerritoryPlan.objects.get()
    assert plan.assignments.filter(organisation__code="QRL", territory__code="T10").exists()


def test_a_plan_of_before_the_split_lands_on_its_page_flagged_for_it(client, planner):
    made = bring_in(
        client, "D4U1Y,T07,Sam Hart\n91Q,T08,Kim Lee\n", opened_on="2026-03-01", make=1
    )

    plan = TerritoryPlan.objects.get()
    page = client.get(made.headers["Location"])
    assert page.status_code == 200
    assert "raised: see below" in page.content.decode()
    assert plan.revision == plan.flagged_revision


def test_a_file_is_read_and_its_text_stands_in_the_form(client, planner):
    page = bring_in(client, "", upload(OURS.encode()))

    assert page.context["resolution"].units == 3
    assert "NHS Newcastle Gateshead CCG\tT09" in page.text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "alignment.csv: The file is empty."),
        (b"PK\x03\x04", "workbook"),
        (b"code,territory\n91Q,T07 \x96 Kent\n", "Line 2 is not UTF-8"),
        (b"\n\n", "There is nothing in it"),
        (b"x" * (10 * 2**20 + 1), "10 MB are the most"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_to_be_why(client, planner, data, said):
    page = bring_in(client, "", upload(data))

    assert page.status_code == 422
    assert said in page.text
    assert not TerritoryPlan.objects.exists()


def test_what_was_pasted_and_typed_stays_whatever_was_wrong(client, planner):
    page = bring_in(client, "only one column\nof words", name="", opened_on="not a day")

    assert page.status_code == 422
    assert "only one column\nof words" in page.text
    assert "This field is required." in page.text


def test_nothing_given_is_asked_for(client, planner):
    page = bring_in(client, "")

    assert "Paste lines of unit, territory and owner, or choose a file." in page.text


def test_the_columns_put_right_by_hand_are_taken(client, planner):
    page = bring_in(client, "a,b\n91Q,92A\n13T,10R\n", **{"column-unit": 1, "column-territory": 0})

    assert [f.body.code for f in page.context["resolution"].resolved] == ["92A", "10R"]


def test_nothing_is_made_where_nothing_resolves(client, planner):
    page = bring_in(client, "code,territory\nzz1,T1\nzz2,T1\n", make=1, leave_out="on")

    assert "nothing to make a plan of" in page.text
    assert not TerritoryPlan.objects.exists()


def test_what_stands_in_a_line_is_text_and_no_markup(client, planner):
    page = bring_in(client, "code,territory\n<script>alert(1)</script>,<b>T1</b>\n91Q,T1\n")

    assert "<script>alert" not in page.text
    assert "<b>T1</b>" not in page.text


def test_a_long_alignment_is_previewed_up_to_a_bound_that_is_said(client, planner):
    text = "code,territory\n" + "".join(f"zz{n:05},T1\n" for n in range(1200))

    page = bring_in(client, text)

    assert "The first 1,000 of 1,200." in page.text
    assert page.text.count("is no code, and no name") == 1000

"""The steward's workbench: facts are released, never edited; what cannot be is said in words."""

from datetime import date

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import IntegrityError
from django.urls import reverse

from footprints.admin import facts
from footprints.models import (
    Boundary,
    Finding,
    Identifier,
    LeadProvider,
    Move,
    Organisation,
    Population,
    Relationship,
    Release,
    Reorganisation,
    Step,
    Succession,
    Version,
)
from footprints.services.entries import enter_fact
from footprints.services.releases import RECORDED, undo_release
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")


@pytest.fixture
def user():
    return factories.user(role="steward", is_staff=True)


@pytest.fixture
def steward(client, user):
    client.force_login(user)
    return client


def address(model, page="changelist", *args):
    return reverse(f"admin:footprints_{model._meta.model_name}_{page}", args=args)


def day(value):
    return value.strftime("%d/%m/%Y")


def version_data(body, **fields):
    return {
        "organisation": body.pk,
        "kind": "ccg",
        "name": "NHS Zebra CCG",
        "opened_on": "01/04/2013",
        "closed_on": "",
        "source": "",
        "note": "",
        **fields,
    }


def errors(page):
    return " ".join(" ".join(messages) for messages in page.context["errors"])


# --- Every model, for stewards alone -------------------------------------------------------------


def test_every_model_of_the_register_is_in_the_admin():
    computed = {"touch", "tally", "ofkind", "word"}  # the database works them out
    missing = {
        model._meta.model_name
        for model in apps.get_app_config("footprints").get_models()
        if not admin.site.is_registered(model)
    }

    assert missing == computed


@pytest.mark.parametrize(
    "model", [m for m in admin.site._registry if m.__module__.startswith("footprints")]
)
def test_every_list_opens_searches_and_keeps_to_the_policy(steward, model):
    for asked in ({}, {"q": "91Q"}):
        page = steward.get(address(model), asked)

        assert page.status_code == 200
        assert breaks_the_policy(page) == []


@pytest.mark.parametrize("model", [model for model in RECORDED if model is not Boundary])
def test_every_fact_opens_to_be_corrected(steward, model):
    fact = model.objects.now().first()

    page = steward.get(address(model, "change", fact.pk))

    assert page.status_code == 200
    assert breaks_the_policy(page) == []
    assert 'name="_save"' in page.content.decode()


@pytest.mark.parametrize(
    "who", [{"role": "planner"}, {"role": "planner", "is_staff": True}, {"role": "steward"}]
)
def test_the_register_is_entered_by_staff_who_are_stewards_alone(client, who):
    client.force_login(factories.user(**who))

    assert client.get(address(Version)).status_code in (302, 403)
    assert client.post(address(Version, "add"), {}).status_code in (302, 403)


def test_the_role_gives_the_right_and_takes_it_away(user):
    planner = factories.user(role="planner", is_staff=True)

    assert user.has_perm("footprints.change_version")
    assert user.has_perm("stakeholders.add_person")
    assert user.has_module_perms("footprints")
    assert not user.has_perm("accounts.change_user")
    assert not planner.has_perm("footprints.change_version")
    user.is_active = False
    assert not user.has_perm("footprints.change_version")


# --- Entering and correcting ---------------------------------------------------------------------


def test_a_fact_entered_is_a_release_of_its_own(steward, user):
    body = factories.organisation("ZZ9")

    steward.post(address(Version, "add"), version_data(body, closed_on="31/03/2020"))

    fact = Version.objects.get(organisation=body)
    assert fact.closed_on == date(2020, 4, 1)  # people type the last day
    assert (fact.asserted_by.kind, fact.asserted_by.by) == (Release.Kind.ENTRY, user)
    assert fact.retracted_by is None


def test_a_correction_retracts_the_old_row_and_asserts_a_new_one(steward):
    old = factories.version(name="NHS Zebra CCG")
    change = address(Version, "change", old.pk)
    data = version_data(old.organisation, name="NHS Lion CCG")

    done = steward.post(change, {**data, "_continue": "1"})

    old.refresh_from_db()
    new = Version.objects.now().get(organisation=old.organisation)
    assert (old.name, new.name) == ("NHS Zebra CCG", "NHS Lion CCG")
    assert old.retracted_by == new.asserted_by
    assert done.url == address(Version, "change", new.pk)
    undo_release(new.asserted_by)
    assert Version.objects.now().get(organisation=old.organisation).name == "NHS Zebra CCG"


def test_saving_without_a_change_is_no_release(steward):
    fact = factories.version(name="NHS Zebra CCG")
    releases = Release.objects.count()

    steward.post(address(Version, "change", fact.pk), version_data(fact.organisation))

    fact.refresh_from_db()
    assert fact.retracted_by is None
    assert Release.objects.count() == releases


def test_what_a_constraint_forbids_is_an_error_of_the_form(steward):
    body = factories.version(name="NHS Zebra CCG").organisation
    releases = Release.objects.count()

    overlap = steward.post(address(Version, "add"), version_data(body, opened_on="01/04/2020"))
    backwards = steward.post(
        address(Version, "add"), version_data(factories.organisation(), closed_on="01/01/2010")
    )

    assert "has a name and a kind already" in errors(overlap)
    assert "The last day lies before the first." in errors(backwards)
    assert Release.objects.count() == releases


def refused_facts():
    """For each kind of fact, a row that stands and what a form may not add beside it."""
    one, other, event = factories.organisation(), factories.organisation(), None
    event = factories.reorganisation()
    factories.relationship(child=one, parent=other)
    factories.identifier(organisation=one)
    factories.population(organisation=one)
    factories.lead_provider(collaborative=one, provider=other)
    factories.succession(reorganisation=event, predecessor=one, successor=None)
    factories.move(reorganisation=event, child=one, from_parent=other, to_parent=event_parent())
    moved = Move.objects.get(child=one)
    return {
        Relationship: {"child": one.pk, "parent": other.pk, "type": "part_of"},
        Identifier: {"organisation": one.pk, "scheme": "gss", "value": "E38000002"},
        Population: {
            "organisation": one.pk,
            "year": 2019,
            "boundary_on": day(factories.DAY),
            "people": 5,
        },
        LeadProvider: {
            "collaborative": one.pk,
            "provider": event_parent().pk,
            "service_line": "adult secure",
            "evidence": "stated",
        },
        Succession: {
            "reorganisation": event.pk,
            "predecessor": one.pk,
            "successor": "",
            "passes": "area",
        },
        Move: {
            "reorganisation": event.pk,
            "child": one.pk,
            "type": "part_of",
            "from_parent": other.pk,
            "to_parent": moved.to_parent_id,
        },
    }


def event_parent():
    return factories.organisation()


def test_each_kind_of_fact_is_refused_in_words(steward):
    for model, data in refused_facts().items():
        before = model.objects.count()

        page = steward.post(address(model, "add"), data)

        assert page.status_code == 200, model
        assert any(words in errors(page) for words in facts.REFUSALS.values()), (
            model,
            errors(page),
        )
        assert model.objects.count() == before


def test_a_succession_to_itself_must_say_what_it_becomes(steward):
    body, event = factories.organisation(), factories.reorganisation()
    data = {
        "reorganisation": event.pk,
        "predecessor": body.pk,
        "successor": body.pk,
        "passes": "area",
    }

    refused = steward.post(address(Succession, "add"), data)
    too_much = steward.post(
        address(Succession, "add"), {**data, "successor": event_parent().pk, "share": "1.5"}
    )

    assert "say what it becomes" in errors(refused)
    assert "A share is a part of one" in errors(too_much)


def test_a_fact_that_somebody_else_changed_meanwhile_is_not_overwritten(steward):
    old = factories.version(name="NHS Zebra CCG")
    new = Version.objects.get(pk=old.pk)
    new.name = "NHS Lion CCG"
    enter_fact(new, by=factories.user(), replaces=old)

    page = steward.post(
        address(Version, "change", old.pk), version_data(old.organisation, name="NHS Tiger CCG")
    )

    assert "was changed meanwhile: open the one that stands." in errors(page)
    assert Version.objects.now().get(organisation=old.organisation).name == "NHS Lion CCG"


def test_what_the_database_alone_refuses_comes_back_to_the_form(steward, monkeypatch):
    # Between the form's check and the row somebody entered the same: the check is passed over.
    monkeypatch.setattr(Version, "validate_constraints", lambda self, exclude=None: None)
    body = factories.version(name="NHS Zebra CCG").organisation

    page = steward.post(address(Version, "add"), version_data(body))

    assert page.status_code == 200
    assert "has a name and a kind already" in errors(page)
    with pytest.raises(IntegrityError, match="version_once_at_a_time"):
        factories.version(body)


def test_the_list_shows_what_is_known_now_and_the_history_on_request(steward):
    old = factories.version(name="NHS Zebra CCG")
    new = Version.objects.get(pk=old.pk)
    new.name = "NHS Lion CCG"
    enter_fact(new, by=factories.user(), replaces=old)

    def shown(**asked):
        page = steward.get(address(Version), {"q": old.organisation.code, **asked})
        return {version.name for version in page.context["cl"].result_list}

    assert shown() == {"NHS Lion CCG"}
    assert shown(facts="retracted") == {"NHS Zebra CCG"}
    assert shown(facts="all") == {"NHS Zebra CCG", "NHS Lion CCG"}


def test_a_retracted_fact_is_only_looked_at(steward):
    fact = factories.version(name="NHS Zebra CCG", closed_on=date(2020, 4, 1))
    fact.retracted_by = factories.release()
    fact.save(update_fields=["retracted_by"])

    page = steward.get(address(Version, "change", fact.pk))

    assert 'name="_save"' not in page.content.decode()
    assert "31 Mar 2020" in text(page)
    assert (
        steward.post(address(Version, "delete", fact.pk), {"withdraw": "yes"}).status_code == 403
    )


# --- Withdrawing ---------------------------------------------------------------------------------


def test_deleting_a_fact_withdraws_it_after_asking(steward):
    fact = factories.version(name="NHS Zebra CCG")
    delete = address(Version, "delete", fact.pk)

    asked = steward.get(delete)
    assert "NHS Zebra CCG" in text(asked)
    assert Version.objects.now().filter(pk=fact.pk).exists()

    steward.post(delete, {"withdraw": "yes"})

    fact.refresh_from_db()
    assert fact.retracted_by.title == "Withdrawn: version NHS Zebra CCG"


def test_many_facts_are_withdrawn_as_one_release(steward):
    chosen = [factories.version(), factories.version()]
    gone = factories.version()
    gone.retracted_by = factories.release()
    gone.save(update_fields=["retracted_by"])
    data = {"action": "withdraw", "_selected_action": [fact.pk for fact in [*chosen, gone]]}

    asked = steward.post(address(Version) + "?facts=all", data)
    assert asked.status_code == 200
    assert asked.context["keys"] == [fact.pk for fact in chosen]

    steward.post(address(Version), {**data, "withdraw": "yes"})

    retracted = {Version.objects.get(pk=fact.pk).retracted_by for fact in chosen}
    assert len(retracted) == 1
    assert retracted.pop().kind == Release.Kind.ENTRY


def test_nothing_is_ever_deleted(steward):
    actions = steward.get(address(Version)).context["action_form"].fields["action"].choices

    assert [name for name, _ in actions if name] == ["withdraw"]


# --- Bodies --------------------------------------------------------------------------------------


def test_an_organisation_is_added_and_its_first_name_asked_for(steward):
    done = steward.post(address(Organisation, "add"), {"code": "ZZ9", "is_provisional": "on"})

    body = Organisation.objects.get(code="ZZ9")
    assert body.is_provisional
    assert done.url == f"{address(Version, 'add')}?organisation={body.pk}"
    assert str(body.pk) in steward.get(done.url).content.decode()


def test_an_organisation_is_chosen_by_code_or_by_any_name_and_called_by_both(steward):
    def offered(term):
        page = steward.get(
            reverse("admin:autocomplete"),
            {
                "app_label": "footprints",
                "model_name": "version",
                "field_name": "organisation",
                "term": term,
            },
        )
        return [found["text"] for found in page.json()["results"]]

    assert offered("99J") == ["99J NHS West Kent CCG (until 31 Mar 2020)"]
    # What it was called once finds it under what it is called now.
    assert "91Q NHS Kent and Medway ICB - 91Q" in offered("kent medway ccg")
    fact = Version.objects.now().get(organisation__code="99J")
    page = steward.get(address(Version, "change", fact.pk)).content.decode()
    assert "99J NHS West Kent CCG (until 31 Mar 2020)" in page


def test_an_organisations_page_lists_what_is_known_of_it(steward):
    body = Organisation.objects.get(code="91Q")

    page = text(steward.get(address(Organisation, "change", body.pk)))

    assert "NHS Kent and Medway CCG 1 Apr 2020 – 30 Jun 2022" in page
    assert "91Q part of QKS since 1 Jul 2022" in page


def test_a_kind_is_edited_but_keeps_its_code(steward):
    kind = factories.kind("hospice")
    model = type(kind)

    steward.post(
        address(model, "change", "hospice"),
        {
            "code": "other",
            "name": "Hospice",
            "plural": "Hospices",
            "family": "provider",
            "tier": 6,
            "is_unit": "on",
        },
    )

    kind.refresh_from_db()
    assert (kind.code, kind.plural, kind.is_legal_body) == ("hospice", "Hospices", False)


# --- Events --------------------------------------------------------------------------------------


def event_data(**steps):
    return {
        "title": "Zebra and Lion: two ICBs merge",
        "slug": "zebra-2027",
        "kind": "merger",
        "effective_on": "01/04/2027",
        "steps-TOTAL_FORMS": 1,
        "steps-INITIAL_FORMS": 0,
        **{f"steps-0-{name}": value for name, value in steps.items()},
    }


def test_an_event_is_declared_with_its_first_step_which_sets_its_state(steward, user):
    add = address(Reorganisation, "add")

    steward.post(
        add, event_data(state="proposed", on="14/07/2026", source="https://example.org/paper")
    )

    event = Reorganisation.objects.get(slug="zebra-2027")
    (step,) = event.steps.all()
    assert (event.state, step.state, step.by) == ("proposed", "proposed", user)
    assert event.revision > event.flagged_revision
    refused = steward.post(add, {**event_data(), "slug": "zebra-2028", "steps-TOTAL_FORMS": 0})
    assert refused.status_code == 200
    assert not Reorganisation.objects.filter(slug="zebra-2028").exists()


def test_a_further_step_moves_the_event_on_and_the_old_ones_stay(steward):
    event = factories.reorganisation(state="proposed", title="Zebra", kind="merger")
    Step.objects.create(reorganisation=event, state="proposed", reason="A board paper.")
    data = {**event_data(state="in_law", reason="The order was made."), "slug": event.slug}

    steward.post(address(Reorganisation, "change", event.pk), data)

    event.refresh_from_db()
    assert event.state == "in_law"
    assert [step.state for step in event.steps.all()] == ["proposed", "in_law"]
    assert event.revision == 3  # the event was saved, and a step taken
    page = text(steward.get(address(Reorganisation, "change", event.pk)))
    assert "A board paper." in page


def test_a_correction_of_an_event_has_it_flagged_anew(steward):
    event = factories.reorganisation(revision=4, flagged_revision=4)
    data = {**event_data(), "slug": event.slug, "steps-TOTAL_FORMS": 0}

    steward.post(address(Reorganisation, "change", event.pk), data)

    event.refresh_from_db()
    assert (event.title, event.revision) == ("Zebra and Lion: two ICBs merge", 5)
    assert event in Reorganisation.objects.unflagged()


def test_a_succession_entered_has_its_event_flagged_anew(steward):
    event = factories.reorganisation(revision=4, flagged_revision=4)
    data = {
        "reorganisation": event.pk,
        "predecessor": factories.organisation().pk,
        "successor": factories.organisation().pk,
        "passes": "area",
        "share": "0.59",
    }

    steward.post(address(Succession, "add"), data)

    assert event.successions.now().count() == 1
    assert event in Reorganisation.objects.unflagged()


def test_steps_are_added_and_never_changed(steward, user):
    event = factories.reorganisation(state="rumoured")
    data = {"reorganisation": event.pk, "state": "rejected", "reason": "It was withdrawn."}

    steward.post(address(Step, "add"), data)

    event.refresh_from_db()
    (step,) = event.steps.all()
    assert (event.state, step.by) == ("rejected", user)
    steward.post(address(Step, "change", step.pk), {**data, "state": "proposed"})
    step.refresh_from_db()
    assert step.state == "rejected"
    assert steward.post(address(Step, "delete", step.pk), {"post": "yes"}).status_code == 403
    assert (
        steward.post(address(Reorganisation, "delete", event.pk), {"post": "yes"}).status_code
        == 403
    )


def test_a_step_in_the_admin_moves_an_event_as_the_pages_do(steward):
    event = factories.reorganisation(state="in_law", effective_on=date(2027, 4, 1))
    change = address(Reorganisation, "change", event.pk)
    data = {"title": "Another", "slug": event.slug, "kind": "merger"}

    for state, reason, answer in (
        ("rumoured", "Really.", "An event that is in law does not become rumoured."),
        ("rejected", "", "Say why: whoever looks for the event next will ask."),
        ("effective", "", "It takes effect on 1 April 2027"),
    ):
        refused = steward.post(change, {**data, **event_data(state=state, reason=reason), **data})
        assert refused.status_code == 200
        assert answer in text(refused)
        step = {"reorganisation": event.pk, "state": state, "reason": reason}
        assert answer in text(steward.post(address(Step, "add"), step))
    event.refresh_from_db()
    assert (event.state, event.title, event.steps.count()) == ("in_law", "A merger", 0)

    steward.post(change, {**event_data(state="in_law", reason="Seen."), **data})
    steward.post(change, {**event_data(state="rejected", reason="Repealed."), **data})

    event.refresh_from_db()
    assert (event.state, event.steps.count()) == ("rejected", 2)
    add = address(Reorganisation, "add")
    early = {**event_data(state="effective"), "slug": "z-1", "effective_on": "01/04/2099"}
    assert "It takes effect on 1 April 2099" in text(steward.post(add, early))
    assert not Reorganisation.objects.filter(slug="z-1").exists()


def test_the_day_of_an_event_is_not_typed_over_in_the_admin(steward):
    event = factories.reorganisation(effective_on=date(2027, 4, 1))
    change = address(Reorganisation, "change", event.pk)
    data = {**event_data(), "slug": event.slug, "steps-TOTAL_FORMS": 0}

    steward.post(change, {**data, "effective_on": "01/10/2027"})

    event.refresh_from_db()
    assert event.effective_on == date(2027, 4, 1)
    page = steward.get(change).content.decode()
    assert f'href="{event.get_absolute_url()}day/"' in page


# --- Releases ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Release, Finding])
def test_what_the_machine_writes_is_only_read(steward, model):
    row = model.objects.first()

    assert steward.get(address(model, "change", row.pk)).status_code == 200
    for page, args in (("add", ()), ("delete", (row.pk,))):
        assert steward.post(address(model, page, *args), {"post": "yes"}).status_code == 403
    assert steward.post(address(model, "change", row.pk), {"source": "x"}).status_code == 403


def test_a_release_is_undone_from_the_list_one_at_a_time(steward):
    one, other = factories.release(), factories.release()

    chosen = {"action": "undo", "_selected_action": [one.pk]}
    done = steward.post(address(Release), chosen)
    both = steward.post(
        address(Release), {**chosen, "_selected_action": [one.pk, other.pk]}, follow=True
    )

    assert done.url == reverse("footprints:undo_release", args=[one.pk])
    assert "Choose one release" in text(both)

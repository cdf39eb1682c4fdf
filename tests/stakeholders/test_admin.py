"""The steward's admin: posts and their holders, last days as people write them."""

from datetime import date

import pytest
from django.urls import reverse

from footprints.models import Organisation
from stakeholders.models import Person, Post, Tenure

pytestmark = pytest.mark.usefixtures("register")


@pytest.fixture
def steward(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("steward"))
    return client


def inline(rows=(), initial=0):
    data = {"tenures-TOTAL_FORMS": len(rows), "tenures-INITIAL_FORMS": initial}
    for n, row in enumerate(rows):
        data |= {f"tenures-{n}-{name}": value for name, value in row.items()}
    return data


def body(code):
    return Organisation.objects.get(code=code).pk


def errors(response):
    return response.context["errors"] if response.context else []


@pytest.fixture
def post():
    return Post.objects.create(
        organisation=Organisation.objects.get(code="QKS"), role="Chief pharmacist"
    )


@pytest.fixture
def ada():
    return Person.objects.create(given_name="Ada", family_name="Quill")


def test_a_post_is_entered_with_its_holder_and_last_days(steward, ada):
    response = steward.post(
        reverse("admin:stakeholders_post_add"),
        {
            "organisation": body("QKS"),
            "role": "Chief pharmacist",
            "closed_on": "2026-03-31",
            **inline([{"person": ada.pk, "opened_on": "2022-07-01", "closed_on": "2026-03-31"}]),
        },
    )

    assert not errors(response)
    tenure = Tenure.objects.select_related("post__organisation").get()
    assert (tenure.person, tenure.post.organisation.code) == (ada, "QKS")
    assert tenure.closed_on == tenure.post.closed_on == date(2026, 4, 1)


def test_a_post_that_is_saved_anew_is_looked_at_anew(steward, post):
    address = reverse("admin:stakeholders_post_change", args=[post.pk])
    assert "QKS NHS Kent and Medway Integrated Care Board" in steward.get(address).content.decode()

    same = {"organisation": body("QKS"), "role": "Chief pharmacist", **inline()}
    steward.post(address, same)
    post.refresh_from_db()
    assert post.revision == 1

    steward.post(address, {**same, "organisation": body("QYG")})
    post.refresh_from_db()
    assert (post.organisation.code, post.revision) == ("QYG", 2)


def test_two_people_hold_a_post_at_once_only_where_it_is_shared(steward, post, ada):
    Tenure.objects.create(post=post, person=ada)
    bo = Person.objects.create(given_name="Bo", family_name="Quill")
    address = reverse("admin:stakeholders_tenure_add")

    refused = steward.post(address, {"post": post.pk, "person": bo.pk})
    assert errors(refused)
    assert Tenure.objects.count() == 1

    Post.objects.update(is_shared=True)
    assert not errors(steward.post(address, {"post": post.pk, "person": bo.pk}))
    assert set(post.tenures.values_list("is_shared", flat=True)) == {True}


@pytest.mark.parametrize(
    "shared, second, says",
    [
        ("", "bo", "Two people hold the post at the same time."),
        ("on", "ada", "Ada Quill holds the post twice at the same time."),
    ],
)
def test_holders_entered_side_by_side_do_not_overlap(steward, post, ada, shared, second, says):
    bo = Person.objects.create(given_name="Bo", family_name="Quill")
    tenure = Tenure.objects.create(post=post, person=ada, closed_on=date(2026, 4, 1))
    address = reverse("admin:stakeholders_post_change", args=[post.pk])

    def enter(opened_on):
        kept = {"id": tenure.pk, "post": post.pk, "person": ada.pk, "closed_on": "2026-03-31"}
        new = {"post": post.pk, "person": {"ada": ada, "bo": bo}[second].pk}
        rows = inline([kept, {**new, "opened_on": opened_on}], initial=1)
        form = {"organisation": body("QKS"), "role": post.role, "is_shared": shared, **rows}
        return steward.post(address, form)

    assert says in enter("2026-03-31").content.decode()
    assert Tenure.objects.count() == 1
    assert not errors(enter("2026-04-01"))
    assert Tenure.objects.count() == 2


def test_a_shared_post_is_entered_with_both_its_holders(steward, ada):
    bo = Person.objects.create(given_name="Bo", family_name="Quill")

    response = steward.post(
        reverse("admin:stakeholders_post_add"),
        {
            "organisation": body("QKS"),
            "role": "Formulary pharmacist",
            "is_shared": "on",
            **inline([{"person": ada.pk}, {"person": bo.pk}]),
        },
    )

    assert not errors(response)
    assert Tenure.objects.filter(is_shared=True).count() == 2


@pytest.mark.parametrize("model", ["person", "post", "tenure"])
def test_each_list_opens_and_is_searched(steward, post, ada, model):
    Tenure.objects.create(post=post, person=ada)
    address = reverse(f"admin:stakeholders_{model}_changelist")

    for words in ("", "quill", "QKS", "chief"):
        assert steward.get(address, {"q": words}).status_code == 200
    found = {"person": "quill", "post": "kent and medway", "tenure": "ada"}[model]
    assert steward.get(address, {"q": found}).context["cl"].result_count == 1


@pytest.mark.parametrize(
    "model, field, words",
    [
        ("tenure", "person", "quill"),
        ("tenure", "post", "QKS"),
        ("post", "organisation", "Kent and Medway Integrated Care Board"),
    ],
)
def test_people_posts_and_bodies_are_found_while_typing(steward, post, ada, model, field, words):
    Tenure.objects.create(post=post, person=ada)

    found = steward.get(
        reverse("admin:autocomplete"),
        {
            "app_label": "stakeholders",
            "model_name": model,
            "field_name": field,
            "term": words,
        },
    )

    assert len(found.json()["results"]) == 1

"""What the database itself keeps of people and posts: each rule broken once."""

from datetime import date

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError

from stakeholders.models import Person, Post, Tenure
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2020, 4, 1)
EVE = date(2020, 3, 31)


def refused(name):
    return pytest.raises(IntegrityError, match=name)


@pytest.mark.parametrize("closed_on", [EVE, DAY], ids=["before", "the same day"])
@pytest.mark.parametrize("build", [make.post, make.tenure])
def test_neither_post_nor_tenure_closes_before_it_opens(build, closed_on):
    name = f"stakeholders_{build.__name__}_opens_before_it_closes"

    with refused(name):
        build(opened_on=DAY, closed_on=closed_on)


def test_a_post_has_one_holder_at_a_time():
    first = make.tenure(opened_on=None, closed_on=DAY)
    make.tenure(post=first.post, opened_on=DAY)  # a witness: the next one, the day after

    with refused("tenure_one_holder_at_a_time"):
        make.tenure(post=first.post, opened_on=EVE, closed_on=DAY)


def test_a_shared_post_has_several_holders_each_of_them_once_at_a_time():
    post = make.post(is_shared=True)
    first = make.tenure(post=post)
    make.tenure(post=post)

    with refused("tenure_same_person_once_at_a_time"):
        make.tenure(post=post, person=first.person, opened_on=DAY)


def test_nobody_shares_a_post_that_is_not_shared():
    """Else a tenure that says so would slip past the rule of one holder."""
    with refused("tenure_shared_as_its_post"):
        make.tenure(is_shared=True)


def test_a_post_that_comes_to_be_shared_takes_its_tenures_along():
    tenure = make.tenure()

    Post.objects.filter(pk=tenure.post_id).update(is_shared=True)

    tenure.refresh_from_db()
    assert tenure.is_shared
    make.tenure(post=Post.objects.get())


def test_a_post_with_two_holders_cannot_stop_being_shared():
    post = make.post(is_shared=True)
    make.tenure(post=post)
    make.tenure(post=post)

    with refused("tenure_one_holder_at_a_time"):
        Post.objects.filter(pk=post.pk).update(is_shared=False)


def test_a_post_is_named_with_how_it_is_held():
    """The key that tenures are tied by."""
    post = make.post()

    with refused("post_shared_key|stakeholders_post_pkey"):
        Post.objects.bulk_create([Post(pk=post.pk, organisation=post.organisation, role="Other")])


def test_a_post_is_flagged_no_further_than_it_is():
    with refused("post_flagged_no_further_than_it_is"):
        make.post(revision=1, flagged_revision=2)


@pytest.mark.parametrize("what", ["organisation", "post", "person"])
def test_what_somebody_held_is_never_deleted(what):
    tenure = make.tenure()
    thing = tenure.post.organisation if what == "organisation" else getattr(tenure, what)

    with pytest.raises(ProtectedError):
        thing.delete()


def test_every_constraint_of_people_and_posts_is_broken_above():
    """A new constraint fails this test until a test breaks it."""
    names = {c.name for model in (Person, Post, Tenure) for c in model._meta.constraints}

    assert names == {
        "post_flagged_no_further_than_it_is",
        "post_shared_key",
        "stakeholders_post_opens_before_it_closes",
        "stakeholders_tenure_opens_before_it_closes",
        "tenure_one_holder_at_a_time",
        "tenure_same_person_once_at_a_time",
    }

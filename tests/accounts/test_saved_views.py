"""Saved views: a list as it was narrowed, kept under a name, and shown to a team."""

import pytest
from django.urls import reverse

from accounts import saved_views
from accounts.models import SavedView, User
from accounts.saved_views import SavedViewError
from tests import factories

SAVE = "/views/"


@pytest.fixture
def kent(db):
    return factories.team(name="Kent")


@pytest.fixture
def reader(kent):
    return factories.user(role=User.Role.PLANNER, team=kent, first_name="Ada", last_name="Byron")


@pytest.fixture
def signed_in(client, reader, register):
    client.force_login(reader)
    return client


def text(answer):
    return answer.content.decode()


def save(client, path="/", query="weight=3&because=2-patch", name="Urgent", **more):
    return client.post(SAVE, {"path": path, "query": query, "name": name, **more})


def names(user, path="/"):
    return [view.name for view in saved_views.of_list(user, path)]


# --- What is kept


def test_a_view_is_the_filters_the_order_and_the_columns():
    given = "?q=kent&kind=&on=2020-04-01&known=2020-05&after=abc&columns=-&columns=kind&sort=-name"

    assert saved_views.words_of(given[1:]) == "columns=-&columns=kind&q=kent&sort=-name"


def test_the_same_view_has_the_same_words_in_whatever_order():
    assert saved_views.words_of("sort=name&q=+kent+") == saved_views.words_of("q=kent&sort=name")


@pytest.mark.parametrize(
    ("name", "query", "says"),
    [
        ("  ", "q=kent", "Give the view a name"),
        ("x" * 61, "q=kent", "too long"),
        ("Kent", "on=2020-04-01&after=1", "Narrow or sort"),
        ("Kent", "q=" + "k" * 1000, "too much"),
    ],
)
def test_what_cannot_be_kept_is_refused(reader, name, query, says):
    with pytest.raises(SavedViewError, match=says):
        saved_views.save(reader, "/", query, name=name)


def test_a_name_that_one_has_is_replaced(reader):
    saved_views.save(reader, "/", "q=kent", name="Mine", is_shown=True)
    saved_views.save(reader, "/", "q=sussex", name=" Mine ")

    view = SavedView.objects.get()
    assert (view.query, view.team) == ("q=sussex", None)


def test_thirty_of_a_list_are_enough_and_one_of_them_may_still_be_replaced(reader):
    for number in range(saved_views.MOST):
        saved_views.save(reader, "/", "q=kent", name=f"View {number}")

    with pytest.raises(SavedViewError, match="30"):
        saved_views.save(reader, "/", "q=kent", name="One more")
    saved_views.save(reader, "/", "q=sussex", name="View 7")
    saved_views.save(reader, "/plans/", "q=kent", name="One more")


# --- Who sees it


def test_a_team_sees_what_is_shown_to_it_and_its_maker_first(reader, kent):
    colleague = factories.user(team=kent)
    saved_views.save(colleague, "/", "q=a", name="Alpha", is_shown=True)
    saved_views.save(colleague, "/", "q=b", name="Only mine")
    saved_views.save(reader, "/", "q=z", name="Zulu")

    assert names(reader) == ["Zulu", "Alpha"]
    assert names(factories.user(team=factories.team())) == []
    assert names(factories.user()) == []


def test_people_without_a_team_see_their_own_alone(db):
    one, other = factories.user(), factories.user()
    saved_views.save(one, "/", "q=a", name="Alpha", is_shown=True)

    assert SavedView.objects.get().team is None
    assert names(one) == ["Alpha"]
    assert names(other) == []


# --- The pages


def test_a_list_as_it_comes_offers_nothing_and_a_narrowed_one_to_be_kept(signed_in):
    assert "Save this view" not in text(signed_in.get("/"))
    assert "Save this view" not in text(signed_in.get("/?on=2026-04-01&weight="))

    page = text(signed_in.get("/?weight=3"))

    assert "Save this view" in page
    assert "Kent sees it too" in page


def test_it_is_kept_and_leads_back_to_the_rows(signed_in):
    answer = save(signed_in, show="1")
    page = text(signed_in.get(answer.url))

    assert answer.url == "/?because=2-patch&weight=3"
    assert "The view «Urgent» is saved. Kent sees it too." in page
    assert 'href="/?because=2-patch&amp;weight=3"' in page
    assert "Remove this view" in page and "Save this view" not in page


@pytest.mark.parametrize("path", ["/register/", "/plans/", "/alerts/", "/people/", "/letters/"])
def test_every_list_has_them(signed_in, reader, path):
    saved_views.save(reader, path, "sort=name", name="By name")

    assert "By name" in text(signed_in.get(path))
    assert "By name" not in text(signed_in.get("/"))


def test_a_view_keeps_the_day_that_is_shown(signed_in, reader):
    saved_views.save(reader, "/register/", "q=kent", name="Kent")

    page = text(signed_in.get("/register/?on=2020-03-31"))

    assert 'href="/register/?q=kent&amp;on=2020-03-31"' in page


@pytest.mark.parametrize(
    "path", ["", "/nowhere/", "https://example.com/", "//example.com", "/views/"]
)
def test_what_is_no_list_has_no_views(signed_in, path):
    assert save(signed_in, path=path).status_code == 404
    assert not SavedView.objects.exists()


def test_what_is_refused_is_said_on_the_list_as_it_was_narrowed(signed_in):
    answer = save(signed_in, name=" ")

    assert answer.url == "/?because=2-patch&weight=3"
    assert "Give the view a name." in text(signed_in.get(answer.url))


def test_bad_bytes_are_no_harm(signed_in):
    save(signed_in, query="q=ke%00nt&because=%ff", name="Ke\x00nt")

    assert SavedView.objects.get().name == "Ke nt"
    assert signed_in.get(SavedView.objects.get().get_absolute_url()).status_code == 200


def test_one_takes_away_ones_own_alone(signed_in, reader, kent):
    own = saved_views.save(reader, "/", "q=a", name="Own")
    theirs = saved_views.save(factories.user(team=kent), "/", "q=b", name="Theirs", is_shown=True)

    def remove(view):
        return signed_in.post(reverse("accounts:remove_view", args=[view.pk]))

    assert remove(theirs).status_code == 404
    assert remove(own).url == "/?q=a"
    assert list(SavedView.objects.all()) == [theirs]
    assert "Remove this view" not in text(signed_in.get("/?q=b"))


def test_a_team_that_is_gone_takes_no_views_along(reader, kent):
    view = saved_views.save(reader, "/", "q=a", name="Own", is_shown=True)
    User.objects.update(team=None)

    kent.delete()

    view.refresh_from_db()
    assert view.team is None


def test_what_was_not_understood_is_not_offered_to_be_saved(signed_in):
    assert "Save this view" in text(signed_in.get("/?show=done"))
    assert "Save this view" not in text(signed_in.get("/?show=foo"))

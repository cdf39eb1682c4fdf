"""Pages by key: each row once, whichever way one walks, however many rows tie."""

import random
from base64 import urlsafe_b64encode
from datetime import date

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Coalesce, Lower
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from footprints.as_at import BadAddress
from footprints.lists import Order, count_up_to
from footprints.models import Kind, Organisation, Release, Version

pytestmark = pytest.mark.django_db

SORTS = {
    "name": (Lower("name"), "pk"),
    "code": ("organisation__code", "pk"),
    "opened_on": (Coalesce("opened_on", Value(date(1, 1, 1))), Lower("name"), "pk"),
    "kind": ("kind", Lower("name"), "pk"),
}
# Few names, so that many rows tie; cases and an accent that sort apart from plain letters.
NAMES = ["Kent", "kent", "Élan", "zeta", "Kent and Medway", "O'Brien", "100%", "a\\b", "Ⅳ"]


@pytest.fixture
def versions():
    chance = random.Random(20200401)
    release = Release.objects.create(kind="bundle", source="test", applied_at=timezone.now())
    kinds = [
        Kind.objects.create(
            code=code,
            name=code,
            plural=code,
            family="commissioning",
            tier=1,
            is_legal_body=True,
            is_footprint=True,
            is_unit=True,
        )
        for code in ("ccg-test", "icb-test")
    ]
    organisations = Organisation.objects.bulk_create(
        Organisation(code=f"T{i:03}") for i in range(67)
    )
    Version.objects.bulk_create(
        Version(
            organisation=organisation,
            kind=chance.choice(kinds),
            name=chance.choice(NAMES),
            opened_on=chance.choice([None, date(2020, 4, 1), date(2022, 7, 1)]),
            asserted_by=release,
        )
        for organisation in organisations
    )
    return Version.objects.filter(asserted_by=release)


@pytest.mark.parametrize("per_page", [1, 7, 50, 67, 100])
@pytest.mark.parametrize("text", [f"{sign}{name}" for name in SORTS for sign in ("", "-")])
def test_walking_all_pages_forward_and_back_gives_each_row_once(versions, text, per_page):
    order = Order.read(text, SORTS)
    everything = [row.pk for row in order.ordered(versions)]

    page = order.page(versions, per_page=per_page)
    assert page.before is None
    pages = [page]
    while pages[-1].after:
        pages.append(order.page(versions, per_page=per_page, after=pages[-1].after))

    assert [row.pk for page in pages for row in page.rows] == everything
    assert len(everything) == len(set(everything)) == 67
    assert all(len(page.rows) == per_page for page in pages[:-1])

    back = [pages[-1]]
    while back[-1].before:
        back.append(order.page(versions, per_page=per_page, before=back[-1].before))

    assert [[row.pk for row in p.rows] for p in reversed(back)] == [
        [row.pk for row in p.rows] for p in pages
    ]
    assert (back[-1].after is None) == (len(pages) == 1)


def test_a_page_is_one_query_that_neither_counts_nor_skips(versions):
    order = Order.read("name", SORTS)
    first = order.page(versions, per_page=5)

    with CaptureQueriesContext(
        connection,
    ) as captured:
        order.page(versions, per_page=5, after=first.after)

    (query,) = captured
    sql = query["sql"]
    assert "COUNT(" not in sql and "OFFSET" not in sql
    assert "LIMIT 6" in sql
    assert " > (" in sql  # one comparison of rows, which an index answers


def test_rows_that_come_and_go_on_earlier_pages_shift_nothing(versions):
    order = Order.read("code", SORTS)
    first = order.page(versions, per_page=10)
    expected = [row.pk for row in order.ordered(versions)][10:20]

    gone = versions.exclude(pk__in=[row.pk for row in first.rows[:4]])

    second = order.page(gone, per_page=10, after=first.after)
    assert [row.pk for row in second.rows] == expected


def token(text):
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "broken",
    [
        "x",
        "%%%",
        "é",
        token("not json"),
        token("{}"),
        token('["name"]'),
        token('["name","Kent"]'),
        token('["name","Kent","not a number"]'),
        token('["name","Kent",null]'),
        token('["name","Kent",99999999999999999999999]'),
        token('["name","Kent",1e400]'),
        token('["name","Ke\\u0000nt",1]'),
        token('["name",["Kent"],1]'),
        token('["name","Kent",1,2]'),
        token('["-name","Kent",1]'),
        token('["code","Kent",1]'),
    ],
)
@pytest.mark.parametrize("way", ["after", "before"])
def test_an_address_that_was_tampered_with_is_refused(versions, way, broken):
    with pytest.raises(BadAddress):
        Order.read("name", SORTS).page(versions, per_page=5, **{way: broken})


def test_a_sort_that_is_not_offered_is_refused_and_says_which_are():
    with pytest.raises(BadAddress) as refused:
        Order.read("size", SORTS)

    assert "«size»" in refused.value.problem
    assert "name, code" in refused.value.remedy


def test_a_key_that_is_null_is_refused(versions):
    order = Order.read("opened_on", {"opened_on": ("opened_on", "pk")})

    with pytest.raises(ImproperlyConfigured, match="Coalesce"):
        while (page := order.page(versions, per_page=5)).after:
            versions = versions.exclude(pk__in=[row.pk for row in page.rows])


def test_an_empty_list_has_no_pages():
    page = Order.read("name", SORTS).page(Version.objects.none(), per_page=5)

    assert page.rows == [] and page.is_only


def test_a_count_goes_no_further_than_its_limit(versions):
    assert count_up_to(versions, 100) == 67
    assert count_up_to(versions, 67) == 67
    assert count_up_to(versions, 10) == 11


def test_the_index_serves_a_page_by_name(versions):
    """The plan walks version_name from the key on, and sorts nothing."""
    order = Order.read("name", SORTS)
    after = order.page(versions, per_page=30).after
    keyed = order.keyed(Version.objects.now())
    query = keyed.order_by("_key_0", "_key_1").filter(order._beyond(keyed, after, backwards=False))
    with connection.cursor() as cursor:
        # Sixty-seven rows are read faster without an index: forbid the other ways.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        sql, params = query[:6].query.sql_with_params()
        cursor.execute(f"EXPLAIN {sql}", params)
        seen = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index Scan using version_name" in seen
    assert "Index Cond: (ROW(lower(" in seen
    assert "Sort" not in seen


# --- Branches: each walked by an index of its own ------------------------------------------------


@pytest.mark.parametrize("per_page", [1, 7, 50, 67, 100])
@pytest.mark.parametrize("text", [f"{sign}{name}" for name in SORTS for sign in ("", "-")])
def test_branches_are_walked_as_one_list(versions, text, per_page):
    order = Order.read(text, SORTS)
    everything = [row.pk for row in order.ordered(versions)]
    branches = [versions.filter(kind=code) for code in ("ccg-test", "icb-test", "none-test")]
    options = {"per_page": per_page, "shown": versions.select_related("organisation")}

    pages = [order.page(branches, **options)]
    while pages[-1].after:
        pages.append(order.page(branches, **options, after=pages[-1].after))

    assert [row.pk for page in pages for row in page.rows] == everything
    back = order.page(branches, **options, before=pages[-1].before) if pages[-1].before else None
    if back:
        assert [row.pk for row in back.rows] == [row.pk for row in pages[-2].rows]


def test_a_page_of_branches_is_two_queries_and_fetches_its_own_rows_alone(
    versions, django_assert_num_queries
):
    branches = [versions.filter(kind=code) for code in ("ccg-test", "icb-test")]

    with django_assert_num_queries(2):
        page = Order.read("name", SORTS).page(
            branches, per_page=5, shown=versions.select_related("organisation")
        )
        codes = [row.organisation.code for row in page.rows]

    assert len(codes) == 5


def test_the_total_is_counted_where_it_is_asked_for_on_the_first_page(versions):
    order = Order.read("name", SORTS)

    first = order.page(versions, per_page=10, total=True)

    assert first.total == 67
    assert order.page(versions, per_page=10, total=True, shown=versions).total == 67
    assert order.page(versions, per_page=10).total is None
    assert order.page(versions, per_page=10, total=True, after=first.after).total is None


@pytest.mark.parametrize("found", [0, 1])
def test_branches_of_which_some_are_known_to_be_empty_are_walked_all_the_same(versions, found):
    branches = [versions.none(), *[versions.filter(kind="icb-test")][:found], versions.none()]

    page = Order.read("name", SORTS).page(branches, per_page=5)

    assert len(page.rows) == 5 * found


def test_a_row_that_goes_between_the_two_queries_is_left_out(versions):
    gone = versions.order_by(Lower("name"), "pk").first()
    shown = versions.exclude(pk=gone.pk)

    page = Order.read("name", SORTS).page(versions, per_page=5, shown=shown)

    assert gone not in page.rows
    assert len(page.rows) == 4
    assert page.after


def test_a_deep_page_by_a_key_of_another_table_begins_where_the_last_one_ended(versions):
    """Two tables share no index: the first key alone must say where the walk begins."""
    order = Order.read("code", SORTS)
    first = order.page(versions, per_page=10)

    with CaptureQueriesContext(connection) as asked:
        order.page(versions, per_page=10, after=first.after)

    assert '"footprints_organisation"."code" >= ' in asked[0]["sql"]

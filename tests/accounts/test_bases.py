"""Where a territory's home base is: by a body's code, or a postcode at which one is."""

from datetime import date

import pytest

from accounts.balancing.bases import NotABase, bases
from tests import factories as make

DAY = date(2026, 11, 21)
pytestmark = pytest.mark.django_db


def surgery(code, postcode, **identifier):
    body = make.organisation(code=code, longitude=0.5, latitude=51.3)
    make.identifier(organisation=body, scheme="postcode", value=postcode, **identifier)
    return body


def test_a_code_or_a_postcode_however_it_is_written_names_a_body(django_assert_num_queries):
    here = surgery("G82001", "ME18 6LF")
    surgery("G82002", "ME18 6LF")
    london = surgery("G82003", "W1 1AA")

    with django_assert_num_queries(3):
        found = bases({" g82001", "me186lf", "ME18  6LF ", "w11aa"}, DAY)

    assert found == {
        " g82001": here.pk,
        "me186lf": here.pk,
        "ME18  6LF ": here.pk,
        "w11aa": london.pk,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ZZ9", "no body of this code"),
        ("ME18 9ZZ", "nothing at this postcode"),
        ("ME18", "no body of this code"),
        ("TN24 0GH", "nothing at this postcode"),
        ("G82009", "Nobody knows where"),
        ("' OR 1=1", "no body of this code"),
    ],
)
def test_what_lies_nowhere_known_is_said(text, why):
    """A postcode that a body has left by that day is nobody's any more."""
    surgery("G82001", "TN24 0GH", closed_on=DAY)
    make.organisation(code="G82009")

    found = bases({text}, DAY)[text]

    assert isinstance(found, NotABase)
    assert why in str(found)

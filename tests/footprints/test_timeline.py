"""The flow of successions: what it draws, how wide, and that nothing lies on anything else."""

from itertools import combinations

import pytest

from footprints import timeline
from footprints.lives import Lives
from footprints.models import Organisation, Reorganisation
from tests import factories

pytestmark = pytest.mark.usefixtures("register")


def picture_of(code):
    key = Organisation.objects.get(code=code).pk
    flows = timeline.flows_of(key)
    keys = {key, *(r.predecessor_id for r in flows), *(r.successor_id for r in flows)}
    return timeline.draw(flows, Lives(keys), {key})


def picture_of_event(event):
    rows = list(event.successions.now().select_related("reorganisation"))
    keys = {*(r.predecessor_id for r in rows), *(r.successor_id for r in rows)}
    return timeline.draw(rows, Lives(keys))


def overlap(one, other):
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height - 0.01
        and other.y < one.y + one.height - 0.01
    )


def test_eight_predecessors_flow_into_one_and_its_change_of_nature_follows():
    picture = picture_of("91Q")

    assert [mark.label for mark in picture.marks] == ["1 Apr 2020", "1 Jul 2022"]
    first = [box for box in picture.boxes if box.x < 10]
    assert {box.code for box in first} == set("09C 09E 09J 09W 10A 10D 10E 99J".split())
    merged, location = sorted((b for b in picture.boxes if b.code == "91Q"), key=lambda b: b.x)
    assert (merged.kind, location.kind) == ("CCG", "Sub-ICB location")
    assert merged.height == pytest.approx(sum(box.height for box in first))
    assert [box.code for box in picture.boxes if not box.is_subject and box.x > 300] == ["QKS"]
    assert [band.css for band in picture.bands if "functions" in band.css] == [
        "flow-functions flow-decided"
    ]


def test_a_split_three_ways_is_as_wide_as_its_shares():
    picture = picture_of("QNQ")

    assert {band.label for band in picture.bands if band.label} == {"59%", "23%", "18%"}
    says = [band.says for band in picture.bands]
    assert "QNQ → S0E4D: 59%, 1 April 2026" in says


def test_a_single_predecessor_is_drawn_and_a_body_without_any_is_not():
    old, new = (
        factories.body("ZZA", closed_on=factories.DAY),
        factories.body("ZZB", opened_on=factories.DAY),
    )
    factories.succession(predecessor=old, successor=new, share=1)

    assert [box.code for box in picture_of("ZZB").boxes] == ["ZZA", "ZZB"]
    factories.body("ZZC")
    assert picture_of("ZZC") is None


def test_a_closure_without_a_successor_has_no_picture():
    body = factories.body("ZZA", closed_on=factories.DAY)
    factories.succession(predecessor=body, successor=None)

    assert picture_of("ZZA") is None


def test_what_is_not_decided_is_dashed_and_what_is_dropped_is_left_out():
    picture = picture_of("QHL")

    assert [band.css for band in picture.bands if "undecided" in band.css] == ["flow-undecided"]
    assert [box.code for box in picture.boxes if box.is_provisional] == ["P-QHL-QUA"]

    Reorganisation.objects.filter(slug="p-qhl-qua-2027-04-01").update(state="rejected")

    assert not [box for box in picture_of("QHL").boxes if box.is_provisional]


def test_a_survivor_goes_on_beside_what_it_gains():
    picture = picture_of("QRL")

    boxes = sorted((box for box in picture.boxes if box.code == "QRL"), key=lambda box: box.x)
    assert len(boxes) == 3
    assert boxes[2].height > boxes[1].height


def test_unknown_shares_are_drawn_in_equal_parts_and_marked():
    picture = picture_of_event(
        Reorganisation.objects.get(successions__predecessor__code="QMM", effective_on="2026-04-01")
    )

    unknown = [band for band in picture.bands if "flow-unknown" in band.css]
    assert [band.label for band in unknown] == ["?"] * 4


def test_no_box_lies_on_another_in_any_event():
    for event in Reorganisation.objects.all():
        picture = picture_of_event(event)
        if picture is None:
            continue
        assert not [
            (one.code, other.code)
            for one, other in combinations(picture.boxes, 2)
            if overlap(one, other)
        ], event.slug
        assert all(box.x >= 0 and box.x + box.width <= picture.width for box in picture.boxes)
        assert all(box.y >= 0 and box.y + box.height <= picture.height for box in picture.boxes)

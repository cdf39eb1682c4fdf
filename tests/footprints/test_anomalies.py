"""What is odd in the facts is listed for a steward: all of it, and nothing that is not odd."""

from collections import Counter
from datetime import date

import pytest

from footprints import anomalies
from footprints.bundle import Bundle
from footprints.models import Finding, Organisation, Version
from tests import factories as make

DAY = date(2020, 4, 1)


def topics():
    return Counter(finding.topic for finding in anomalies.found(Bundle("Empty", DAY, "")))


def texts(topic):
    found = anomalies.found(Bundle("Empty", DAY, ""))
    return [finding.text for finding in found if finding.topic == topic]


def test_the_bundled_facts_have_so_many_oddities(register):
    counts = Counter(register.findings.values_list("severity", "topic"))

    assert counts == {
        ("unplaced", "unknown organisation"): 1,
        ("anomaly", "committee that covers nothing that lives"): 8,
        ("anomaly", "last day given as the date"): 6,
        ("anomaly", "lead provider that has closed"): 1,
        ("anomaly", "lives on after its successor took over"): 1,
        # One is the care of a region over an STP, a year before that region was.
        ("anomaly", "older than what its parent is"): 1323 + 1,
        ("anomaly", "operational day differs from the legal one"): 1,
        ("anomaly", "organisation without a start"): 31,
        ("anomaly", "outlives its parent"): 36,
        ("anomaly", "relationship without a start"): 202,
        ("anomaly", "two parents at once"): 2,
    }


def test_the_parents_that_were_not_yet_what_they_are_said_to_be_are_those_of_pcns(register):
    codes = register.findings.filter(topic="older than what its parent is").values("code")
    bodies = Organisation.objects.filter(code__in=codes)

    assert bodies.filter(versions__kind="pcn").distinct().count() == 1323
    assert set(bodies.exclude(versions__kind="pcn").values_list("code", flat=True)) == {"QOP"}


@pytest.mark.parametrize(
    ("topic", "codes"),
    [
        ("two parents at once", {"01H", "99M"}),
        ("last day given as the date", {"RVL", "RY1", "RR1", "R1E", "RGQ", "RJF"}),
        ("lead provider that has closed", {"RRP"}),
        ("lives on after its successor took over", {"TAF"}),
        ("operational day differs from the legal one", {"13T"}),
        (
            "committee that covers nothing that lives",
            {f"APC-{n:02}" for n in (3, 7, 13, 14, 18, 19, 20, 22)},
        ),
    ],
)
def test_a_finding_names_the_body(register, topic, codes):
    assert set(register.findings.filter(topic=topic).values_list("code", flat=True)) == codes


def test_what_outlives_its_parent_has_a_home_proposed(register):
    found = register.findings.filter(topic="outlives its parent")
    frimley = [text for text in found.values_list("text", flat=True) if "D4U1Y" in text]

    assert len(frimley) == 16
    assert all(text.endswith("its area went to 92A, D9Y0V, U2G6B") for text in frimley)
    assert not found.exclude(text__contains="; its area went to ").exists()


def test_what_is_not_placed_says_file_line_and_reason(register):
    (finding,) = register.findings.filter(severity=Finding.Severity.UNPLACED)

    assert (finding.file, finding.line) == ("successions.csv", 420)
    assert finding.text == "RX5 has no organisation row (gaps.csv)"


def test_a_finding_of_a_row_says_its_line(register):
    (finding,) = register.findings.filter(code="13T")

    assert finding.file == "versions.csv"
    assert finding.text == "13T: the ODS record opens on 2014-11-26, the body on 2015-04-01"


# --- One oddity at a time, with a witness beside it ---------------------------------------------


@pytest.mark.usefixtures("empty_register")
class TestAlone:
    def test_a_register_without_facts_has_none(self):
        assert not topics()

    def test_two_parents_at_once(self):
        first = make.relationship(opened_on=None, closed_on=DAY)
        make.relationship(child=first.child, opened_on=DAY)  # a witness: one after the other
        make.relationship(child=first.child, type="covers", opened_on=date(2019, 4, 1))
        assert not texts("two parents at once")

        other = make.relationship(child=first.child, opened_on=date(2020, 3, 31), closed_on=DAY)

        assert texts("two parents at once") == [
            f"{first.child} is part of {first.parent} and {other.parent} at once, from 2020-03-31"
        ]

    def test_no_start_known(self):
        life = make.version(opened_on=None)
        make.version(kind_code="apc", opened_on=None)
        apc = make.kind("apc")
        apc.family = "committee"
        apc.save()

        assert texts("organisation without a start") == [
            f"It is not known when {life.organisation} opened"
        ]

    def test_a_relationship_without_a_start(self):
        fact = make.relationship(opened_on=None)
        make.relationship(opened_on=None, type="covers")  # a witness: a committee's often is

        assert texts("relationship without a start") == [
            f"It is not known since when {fact.child} is part of {fact.parent}"
        ]

    def test_a_child_that_outlives_its_parent(self):
        parent = make.body(closed_on=DAY)
        fact = make.relationship(parent=parent, opened_on=DAY)
        make.relationship(parent=parent, opened_on=DAY, closed_on=date(2021, 4, 1))  # a witness
        make.relationship(parent=make.body(), opened_on=DAY)  # a witness: the parent lives
        topic = "outlives its parent"
        still = f"{fact.child} is still part of {parent}, which has closed"
        assert texts(topic) == [still]

        home = make.succession(predecessor=parent).successor

        assert texts(topic) == [f"{still}; its area went to {home}"]

    def test_a_body_that_lives_on_after_it_was_succeeded(self):
        topic = "lives on after its successor took over"
        closed = make.body(closed_on=DAY)
        event = make.reorganisation(effective_on=DAY)
        make.succession(predecessor=closed, reorganisation=event)
        make.succession(predecessor=make.body(), passes="functions")
        rumour = make.reorganisation(state="rumoured")
        make.succession(predecessor=make.body(), reorganisation=rumour)
        changed = make.body()
        make.succession(predecessor=changed, successor=changed, becomes=make.kind("icb"))
        assert not texts(topic)

        late = make.succession(predecessor=make.body(), reorganisation=event)

        assert texts(topic) == [
            f"{late.predecessor} is still NHS Somewhere CCG on 2020-04-01, "
            f"when {late.successor} took over its area"
        ]

    def test_a_retracted_fact_is_no_oddity(self):
        life = make.version(opened_on=None)
        assert topics()
        Version.objects.filter(pk=life.pk).update(retracted_by=make.release())

        assert not topics()

"""Anomalies: facts that are odd, listed for a steward and never hidden or refused.

Each topic is one question over the facts known now; the traps it finds are described, with real
codes, in ``docs/decisions.md``.
"""

import re
from collections.abc import Iterator

from django.db import connection

from . import events
from .bundle import Bundle
from .models import Finding

# topic: SQL giving (code, text). Versions are named `life`, one row a code and period; ABOUT names
# the column of the body that it is about.
QUESTIONS = {
    "two parents at once": """
        SELECT child.code, child.code || ' is part of ' || one.code || ' and ' || other.code
               || ' at once, from ' || greatest(a.opened_on, b.opened_on)
        FROM footprints_relationship a
        JOIN footprints_relationship b ON b.child_id = a.child_id AND b.type = a.type
             AND a.parent_id < b.parent_id AND b.retracted_by_id IS NULL
             AND daterange(a.opened_on, a.closed_on) && daterange(b.opened_on, b.closed_on)
        JOIN footprints_organisation child ON child.id = a.child_id
        JOIN footprints_organisation one ON one.id = a.parent_id
        JOIN footprints_organisation other ON other.id = b.parent_id
        WHERE a.retracted_by_id IS NULL AND a.type = 'part_of' AND ABOUT(a.child_id)
        ORDER BY child.code""",
    "relationship without a start": """
        SELECT child.code, 'It is not known since when ' || child.code || ' is '
               || replace(fact.type, '_', ' ') || ' ' || parent.code
        FROM footprints_relationship fact
        JOIN footprints_organisation child ON child.id = fact.child_id
        JOIN footprints_organisation parent ON parent.id = fact.parent_id
        WHERE fact.retracted_by_id IS NULL AND fact.opened_on IS NULL AND ABOUT(fact.child_id)
          AND fact.type IN ('part_of', 'member_of')
          AND NOT EXISTS (  -- where the body's own start is not known, that is said of it already
            SELECT FROM footprints_version life
            WHERE life.organisation_id = child.id AND life.retracted_by_id IS NULL
              AND life.opened_on IS NULL)
        ORDER BY child.code""",
    "organisation without a start": """
        SELECT organisation.code, 'It is not known when ' || organisation.code || ' opened'
        FROM footprints_version life
        JOIN footprints_organisation organisation ON organisation.id = life.organisation_id
        JOIN footprints_kind kind ON kind.code = life.kind_id
        WHERE life.retracted_by_id IS NULL AND life.opened_on IS NULL
          AND kind.family NOT IN ('committee', 'collaborative')
          AND ABOUT(life.organisation_id)
        ORDER BY organisation.code""",
    "outlives its parent": """
        SELECT child.code, child.code || ' is still ' || replace(fact.type, '_', ' ') || ' '
               || parent.code || ', which has closed'
               || coalesce('; its area went to ' || home.codes, '')
        FROM footprints_relationship fact
        JOIN footprints_organisation child ON child.id = fact.child_id
        JOIN footprints_organisation parent ON parent.id = fact.parent_id
        LEFT JOIN LATERAL (
            SELECT string_agg(successor.code, ', ' ORDER BY successor.code) AS codes
            FROM footprints_succession succession
            JOIN footprints_organisation successor ON successor.id = succession.successor_id
            WHERE succession.predecessor_id = fact.parent_id AND succession.passes = 'area'
              AND succession.retracted_by_id IS NULL AND succession.becomes_id IS NULL
        ) AS home ON true
        WHERE fact.retracted_by_id IS NULL AND fact.closed_on IS NULL
          AND fact.type IN ('part_of', 'member_of') AND ABOUT(fact.child_id)
          AND NOT EXISTS (
            SELECT FROM footprints_version life
            WHERE life.organisation_id = fact.parent_id AND life.retracted_by_id IS NULL
              AND life.closed_on IS NULL)
        ORDER BY child.code""",
    "lives on after its successor took over": """
        SELECT predecessor.code, predecessor.code || ' is still ' || life.name || ' on '
               || event.effective_on || ', when ' || successor.code || ' took over its area'
        FROM footprints_succession succession
        JOIN footprints_reorganisation event ON event.id = succession.reorganisation_id
             AND event.state IN ('in_law', 'effective')
        JOIN footprints_organisation predecessor ON predecessor.id = succession.predecessor_id
        JOIN footprints_organisation successor ON successor.id = succession.successor_id
        JOIN footprints_version life ON life.organisation_id = predecessor.id
             AND life.retracted_by_id IS NULL
             AND daterange(life.opened_on, life.closed_on) @> event.effective_on
        WHERE succession.retracted_by_id IS NULL AND succession.passes = 'area'
          AND succession.becomes_id IS NULL AND ABOUT(predecessor.id)
        ORDER BY predecessor.code, successor.code""",
    "committee that covers nothing that lives": """
        SELECT committee.code, life.name || ' covers only bodies that have closed: '
               || string_agg(covered.code, ', ' ORDER BY covered.code)
        FROM footprints_version life
        JOIN footprints_organisation committee ON committee.id = life.organisation_id
        JOIN footprints_kind kind ON kind.code = life.kind_id AND kind.family = 'committee'
        JOIN footprints_relationship fact ON fact.child_id = committee.id
             AND fact.type = 'covers' AND fact.retracted_by_id IS NULL AND fact.closed_on IS NULL
        JOIN footprints_organisation covered ON covered.id = fact.parent_id
        WHERE life.retracted_by_id IS NULL AND life.closed_on IS NULL AND ABOUT(committee.id)
        GROUP BY committee.code, life.name
        HAVING NOT bool_or(EXISTS (
            SELECT FROM footprints_version covered_life
            WHERE covered_life.organisation_id = covered.id
              AND covered_life.retracted_by_id IS NULL AND covered_life.closed_on IS NULL))
        ORDER BY committee.code""",
    "lead provider that has closed": """
        SELECT provider.code, provider.code || ' still leads ' || life.name || ' for '
               || fact.service_line || ', and has closed'
        FROM footprints_leadprovider fact
        JOIN footprints_organisation provider ON provider.id = fact.provider_id
        JOIN footprints_version life ON life.organisation_id = fact.collaborative_id
             AND life.retracted_by_id IS NULL
        WHERE fact.retracted_by_id IS NULL AND fact.closed_on IS NULL AND ABOUT(fact.provider_id)
          AND NOT EXISTS (
            SELECT FROM footprints_version alive
            WHERE alive.organisation_id = fact.provider_id AND alive.retracted_by_id IS NULL
              AND alive.closed_on IS NULL)
        ORDER BY provider.code""",
}

# Asked of what a report changed only: of the bundle's own bodies they are true by the thousand,
# since it holds no practice.
QUESTIONS_OF_A_DAY = {
    "practice in two PCNs": """
        SELECT child.code, child.code || ' is in ' || one.code || ' and ' || other.code
               || ' at once, from ' || greatest(a.opened_on, b.opened_on)
        FROM footprints_relationship a
        JOIN footprints_relationship b ON b.child_id = a.child_id AND b.type = a.type
             AND a.parent_id < b.parent_id AND b.retracted_by_id IS NULL
             AND daterange(a.opened_on, a.closed_on) && daterange(b.opened_on, b.closed_on)
        JOIN footprints_version one_life ON one_life.organisation_id = a.parent_id
             AND one_life.kind_id = 'pcn' AND one_life.retracted_by_id IS NULL
        JOIN footprints_version other_life ON other_life.organisation_id = b.parent_id
             AND other_life.kind_id = 'pcn' AND other_life.retracted_by_id IS NULL
        JOIN footprints_organisation child ON child.id = a.child_id
        JOIN footprints_organisation one ON one.id = a.parent_id
        JOIN footprints_organisation other ON other.id = b.parent_id
        WHERE a.retracted_by_id IS NULL AND a.type = 'member_of'
          AND ABOUT(a.child_id)""",
    "open without live members": """
        SELECT body.code, life.name || ' is open on %(written)s, and no body is in it any more'
        FROM changed_body
        JOIN footprints_organisation body ON body.id = changed_body.id
        JOIN footprints_version life ON life.organisation_id = body.id
             AND life.retracted_by_id IS NULL
             AND daterange(life.opened_on, life.closed_on) @> DATE '%(written)s'
        JOIN footprints_kind kind ON kind.code = life.kind_id AND kind.is_footprint
        JOIN (  -- counted over the members of all such bodies: one after the other takes long
            SELECT fact.parent_id
            FROM footprints_relationship fact
            LEFT JOIN footprints_version member ON member.organisation_id = fact.child_id
                 AND member.retracted_by_id IS NULL
                 AND daterange(member.opened_on, member.closed_on) @> DATE '%(written)s'
                 AND daterange(fact.opened_on, fact.closed_on) @> DATE '%(written)s'
            WHERE fact.retracted_by_id IS NULL AND fact.type IN ('part_of', 'member_of')
              AND ABOUT(fact.parent_id)
            GROUP BY fact.parent_id HAVING count(member.id) = 0
        ) AS deserted ON deserted.parent_id = body.id""",
    "successor opens before its predecessor closed": """
        SELECT successor.code, successor.code || ' opened on ' || first.opened_on
               || ', before ' || predecessor.code || ' closed into it on '
               || (event.effective_on - 1)
        FROM footprints_succession succession
        JOIN footprints_reorganisation event ON event.id = succession.reorganisation_id
             AND event.state IN ('in_law', 'effective')
        JOIN footprints_organisation predecessor ON predecessor.id = succession.predecessor_id
        JOIN footprints_organisation successor ON successor.id = succession.successor_id
        JOIN LATERAL (
            SELECT min(opened_on) AS opened_on FROM footprints_version
            WHERE organisation_id = successor.id AND retracted_by_id IS NULL
        ) AS first ON first.opened_on < event.effective_on
             -- A survivor that had lived for years is no newcomer that came too soon.
             AND first.opened_on > event.effective_on - 366
        WHERE succession.retracted_by_id IS NULL AND succession.passes = 'area'
          AND succession.becomes_id IS NULL
          AND ABOUT(successor.id)""",
}

CHANGED = """
CREATE TEMP TABLE changed_body ON COMMIT DROP AS
SELECT organisation_id AS id FROM footprints_version
WHERE asserted_by_id = %(release)s OR retracted_by_id = %(release)s
UNION SELECT child_id FROM footprints_relationship
WHERE asserted_by_id = %(release)s OR retracted_by_id = %(release)s
UNION SELECT parent_id FROM footprints_relationship
WHERE asserted_by_id = %(release)s OR retracted_by_id = %(release)s
"""


def note(cursor, release: int, day):
    """Add to ``staged_finding`` the anomalies of the bodies that a release changed."""
    cursor.execute("DROP TABLE IF EXISTS changed_body")
    cursor.execute(CHANGED, {"release": release})
    cursor.execute("ANALYZE changed_body")
    daily = {
        topic: question.replace("%(written)s", day.isoformat())
        for topic, question in QUESTIONS_OF_A_DAY.items()
    }
    for topic, question in (QUESTIONS | daily).items():
        cursor.execute(
            f"INSERT INTO staged_finding SELECT 0, 'anomaly', '{topic}', code, text "
            f"FROM ({_asked(question, of_changed=True)}) AS found(code, text)"
        )


def _asked(question: str, *, of_changed: bool) -> str:
    """The question, of every body or of those in ``changed_body``.

    It says itself which column names the body it is about: narrowed only from outside, it would
    be answered for the whole register first.
    """
    only = r"\1 IN (SELECT id FROM changed_body)" if of_changed else "true"
    return re.sub(r"ABOUT\((.*?)\)", only, question)


def found(bundle: Bundle) -> list[Finding]:
    """The anomalies among the facts known now, and those that only the bundle's rows show."""
    return [*_in_the_register(), *_in_the_bundle(bundle)]


def _in_the_register() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        for topic, question in QUESTIONS.items():
            cursor.execute(_asked(question, of_changed=False))
            for code, text in cursor.fetchall():
                yield Finding(severity=Finding.Severity.ANOMALY, topic=topic, code=code, text=text)


def _in_the_bundle(bundle: Bundle) -> Iterator[Finding]:
    _, late = events.effective_days(bundle)
    for found in late:
        row = found.row
        yield Finding(
            severity=Finding.Severity.ANOMALY,
            topic="last day given as the date",
            code=row.predecessor,
            file=row.file,
            line=row.line,
            text=f"{row.predecessor}'s succession is dated {row.day}, its last day: "
            f"taken as {found.day}",
        )
    lives = events.Lives(bundle)
    for row in bundle.relationships:
        if row.parent_kind is None or row.opened_on is None:
            continue
        parent = lives.on(row.parent, row.opened_on)
        if parent is None or parent.kind != row.parent_kind:
            then = f"was a {parent.kind}" if parent else "did not live"
            yield Finding(
                severity=Finding.Severity.ANOMALY,
                topic="older than what its parent is",
                code=row.child,
                file=row.file,
                line=row.line,
                text=f"{row.child} is {row.type.replace('_', ' ')} {row.parent} as a "
                f"{row.parent_kind} from {row.opened_on}, when {row.parent} {then}",
            )
    first_lives = {}
    for row in bundle.versions:
        known = first_lives.get(row.code)
        if known is None or (
            row.opened_on and known.opened_on and row.opened_on < known.opened_on
        ):
            first_lives[row.code] = row
    for row in first_lives.values():
        if row.ods_opened_on and row.opened_on and row.ods_opened_on != row.opened_on:
            yield Finding(
                severity=Finding.Severity.ANOMALY,
                topic="operational day differs from the legal one",
                code=row.code,
                file=row.file,
                line=row.line,
                text=f"{row.code}: the ODS record opens on {row.ods_opened_on}, "
                f"the body on {row.opened_on}",
            )

"""What a run of releases changed in all: facts known now against those known before it."""

from django.db import connection, transaction

from ...facts import keys_of, line
from ...models import Identifier, Relationship, Version
from ..releases import RECORDED, content

SHOWN = 200  # examples that a preview keeps of each kind of fact

# What makes two facts one that changed: the columns they share.
KEYS = {
    Version: ["organisation_id"],
    Relationship: ["child_id", "type"],
    Identifier: ["organisation_id", "scheme"],
}
NAMES = {
    Version: "names and lives",
    Relationship: "places",
    Identifier: "other codes",
}

NET = """
CREATE TEMP TABLE net ON COMMIT DROP AS
SELECT {keys}, array_agg(id ORDER BY id) FILTER (WHERE sign < 0) AS gone,
       array_agg(id ORDER BY id) FILTER (WHERE sign > 0) AS come
FROM ({changed}) AS changed
GROUP BY {keys}
"""
COME = """
SELECT {columns}, 1 AS sign, id FROM {table}
WHERE asserted_by_id > %(before)s AND retracted_by_id IS NULL
"""
GONE = """
SELECT {columns}, -1, id FROM {table}
WHERE retracted_by_id > %(before)s AND asserted_by_id <= %(before)s
"""
# What was undone and said again in between cancels out. Of a load, where nothing went, comparing
# every name with every other would cost as much as all the rest.
CANCELLED = f"""
SELECT {{columns}}, sum(sign) AS sign, max(id) AS id FROM ({COME} UNION ALL {GONE}) AS fact
GROUP BY {{columns}} HAVING sum(sign) <> 0
"""


@transaction.atomic
def changes(before: int) -> list[dict]:
    """For each kind of fact that changed after that release: how many, and the first of them."""
    found = []
    with connection.cursor() as cursor:
        for model in RECORDED:
            columns = [name for name in content(model) if name not in ("source", "note")]
            keys = ", ".join(KEYS.get(model, columns))
            given = {"before": before}
            of = {"columns": ", ".join(columns), "table": model._meta.db_table}
            cursor.execute("DROP TABLE IF EXISTS net")
            cursor.execute(f"SELECT EXISTS ({GONE.format(**of)})", given)
            (went,) = cursor.fetchone()
            changed = (CANCELLED if went else COME).format(**of)
            cursor.execute(NET.format(keys=keys, changed=changed), given)
            cursor.execute(
                "SELECT count(*) FILTER (WHERE gone IS NULL), "
                "count(*) FILTER (WHERE gone IS NOT NULL AND come IS NOT NULL), "
                "count(*) FILTER (WHERE come IS NULL) FROM net"
            )
            new, changed, gone = cursor.fetchone()
            if not new + changed + gone:
                continue
            cursor.execute(
                "SELECT gone, come FROM net "
                # What goes and what changes asks for more attention than what is new.
                f"ORDER BY come IS NOT NULL, gone IS NULL, {keys} LIMIT {SHOWN}"
            )
            found.append(
                {
                    "model": model._meta.model_name,
                    "name": NAMES.get(model, str(model._meta.verbose_name_plural)),
                    "new": new,
                    "changed": changed,
                    "gone": gone,
                    "examples": _examples(model, cursor.fetchall()),
                }
            )
    return found


def _examples(model, rows) -> list[dict]:
    keys = {key for pair in rows for keys in pair for key in keys or ()}
    facts = model.objects.select_related(*keys_of(model)).in_bulk(keys)
    found = []
    for gone, come in rows:
        was = [line(facts[key]) for key in gone or ()]
        now = [line(facts[key]) for key in come or ()]
        found.append(
            {
                "what": "changed" if was and now else "new" if now else "gone",
                "code": (now or was)[0].code,
                "was": "; ".join(each.text for each in was),
                "is": "; ".join(each.text for each in now),
            }
        )
    return found

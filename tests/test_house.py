"""The house stands as it was designed: three floors, one way to point at an organisation, no clock
below the door."""

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

from footprints.models import (
    WEIGHT_OF,
    Change,
    Organisation,
    OrganisationKey,
    Outcome,
    Rule,
    Version,
)

HOUSE = Path(__file__).resolve().parent.parent
FLOORS = ["footprints", "stakeholders", "accounts"]  # from the ground up
WIRING = "config"

# The doors, where the day comes in: a view, a command, a task; and the middleware that reads it.
DOORS = {"views", "management", "tasks.py", "admin", "admin.py"}


def sources(floor):
    return sorted(path for path in (HOUSE / floor).rglob("*.py") if "migrations" not in path.parts)


def imported(path):
    """Each top-level package that a file imports, with the line; relative imports stay inside."""
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0], node.lineno


def relative(path):
    return path.relative_to(HOUSE).as_posix()


def test_imports_go_down():
    upward = [
        f"{relative(path)}, line {line}: imports {package}"
        for height, floor in enumerate(FLOORS)
        for path in sources(floor)
        for package, line in imported(path)
        if package in FLOORS[height + 1 :]
    ]

    assert not upward, "\n".join(upward)


def test_nobody_imports_the_wiring():
    found = [
        f"{relative(path)}, line {line}"
        for floor in FLOORS
        for path in sources(floor)
        for package, line in imported(path)
        if package == WIRING
    ]

    assert not found, "\n".join(found)


def test_migrations_know_no_floor_above():
    """A migration names the apps that it depends on as text."""
    upward = [
        f"{relative(path)}: names {above}"
        for height, floor in enumerate(FLOORS)
        for path in sorted((HOUSE / floor / "migrations").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(), path))
        for above in FLOORS[height + 1 :]
        if isinstance(node, ast.Constant) and str(node.value).split(".")[0] == above
    ]

    assert not upward, "\n".join(upward)


def test_the_walk_sees_an_import(tmp_path):
    """A witness: the tests above would fail."""
    path = tmp_path / "spoilt.py"
    path.write_text(
        "import accounts.models\n"
        "from stakeholders import models\n"
        "def late():\n    from config.settings import DEBUG\n"
        "from .models import Version\n"
    )

    assert sorted(imported(path)) == [("accounts", 1), ("config", 4), ("stakeholders", 2)]
    assert all(len(sources(floor)) > 3 for floor in FLOORS)


# --- No clock below the door -------------------------------------------------------------------

CLOCKS = {"today", "localdate", "localtime", "utcnow", "Now", "TruncNow"}
MOMENTS = {"now"}


def behind_a_door(path, floor):
    inside = path.relative_to(HOUSE / floor).parts
    return bool(DOORS & set(inside)) or inside == ("as_at.py",)


def clocks(tree, names):
    """Lines that ask what day it is (a call of ``date.today``, ``localdate`` and the like)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = getattr(called, "attr", None) or getattr(called, "id", None)
            if name in names and not (name == "localtime" and node.args):  # that one converts
                yield node


def test_no_day_is_taken_from_the_clock_below_the_door():
    found = [
        f"{relative(path)}, line {call.lineno}: {ast.unparse(call)}"
        for floor in FLOORS
        for path in sources(floor)
        if not behind_a_door(path, floor)
        for call in clocks(ast.parse(path.read_text()), CLOCKS)
    ]

    assert not found, "\n".join(found)


def test_a_moment_below_the_door_is_never_made_a_day():
    """``now()`` is for what happened at a moment (``raised_at``), never for what day it is."""
    found = []
    for floor in FLOORS:
        for path in sources(floor):
            if behind_a_door(path, floor):
                continue
            tree = ast.parse(path.read_text())
            found += [
                f"{relative(path)}, line {node.lineno}: {ast.unparse(node)}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute)
                and node.attr in ("date", "year", "month", "day")
                and any(clocks(node.value, MOMENTS))
            ]
            found += [
                f"{relative(path)}, line {word.value.lineno}: {word.arg}={ast.unparse(word.value)}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Call)
                for word in node.keywords
                if word.arg and word.arg.endswith("_on") and any(clocks(word.value, MOMENTS))
            ]

    assert not found, "\n".join(found)


def test_the_walk_sees_a_clock():
    """A witness: the tests above would fail."""
    tree = ast.parse("date.today()\nlocaldate()\nrow.raised_at\nnow()")

    assert [call.lineno for call in clocks(tree, CLOCKS)] == [1, 2]
    assert [call.lineno for call in clocks(tree, MOMENTS)] == [4]
    assert behind_a_door(HOUSE / "footprints/management/commands/census.py", "footprints")
    assert not behind_a_door(HOUSE / "footprints/services/loading.py", "footprints")


# --- One way to point at an organisation -------------------------------------------------------


def our_models():
    return [
        model for part in (*FLOORS, WIRING) for model in apps.get_app_config(part).get_models()
    ]


def keys_to(model):
    """Every field of the house that points at that model or at a proxy of it."""
    return [
        field
        for ours in apps.get_models(include_auto_created=True)
        for field in ours._meta.get_fields()
        if (field.many_to_one or field.one_to_one or field.many_to_many)
        and not field.auto_created
        and field.related_model is not None
        and field.related_model._meta.concrete_model is model
    ]


def test_every_key_to_an_organisation_has_a_rule():
    keys = keys_to(Organisation)

    assert {str(key) for key in keys} >= {
        "accounts.Assignment.organisation",
        "stakeholders.Post.organisation",
        "footprints.Version.organisation",
        "footprints.Succession.successor",
    }
    assert [str(key) for key in keys if not isinstance(key, OrganisationKey)] == []
    assert [str(key) for key in keys if not isinstance(key.rule, Rule)] == []


def test_nothing_points_at_a_version():
    """A version is what was true of an organisation for a while: ours hang on the organisation."""
    assert [str(key) for key in keys_to(Version)] == []


# What was decided or done about a body, and when: history, which no later event changes.
RECORDS = {
    "accounts.Challenge.organisation",
    "accounts.Decision.body",
    "accounts.Figure.organisation",
    "accounts.SharedUnit.organisation",
    "accounts.SheetChange.organisation",
    "accounts.SheetComment.body",
    "accounts.WatchMove.successor",
}


def test_only_the_registers_own_rows_and_records_have_no_outcome():
    for key in keys_to(Organisation):
        is_of_the_register = key.model._meta.app_label == "footprints"
        assert key.rule.is_register is (is_of_the_register or str(key) in RECORDS), key


def test_a_rule_names_real_changes_and_outcomes_and_says_who_decides():
    for key in keys_to(Organisation):
        rule = key.rule
        assert rule.says and rule.decides, key
        assert set(rule.outcomes) <= set(Change), key
        assert set(rule.outcomes.values()) <= set(WEIGHT_OF), key
        if rule.root:
            assert key.model._meta.get_field(rule.root).is_relation, key


def test_every_outcome_has_a_weight():
    assert set(WEIGHT_OF) == set(Outcome)


def test_an_organisation_key_needs_a_rule():
    with pytest.raises(TypeError, match="rule"):
        OrganisationKey()


def test_an_organisation_key_is_a_plain_foreign_key_to_a_migration_and_keeps_its_rule_in_a_copy():
    key = Version._meta.get_field("organisation")

    assert key.deconstruct()[1] == "django.db.models.ForeignKey"
    assert "rule" not in key.deconstruct()[3]
    assert key.clone().rule is key.rule
    assert isinstance(key.clone(), OrganisationKey)


# --- Models ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_history_is_protected():
    """What points at the register never takes a row along, nor is taken along by it."""
    for key in keys_to(Organisation):
        managed = key.model._meta.managed
        expected = (
            models.PROTECT if managed else models.DO_NOTHING
        )  # a view has no rows of its own
        assert key.remote_field.on_delete is expected, key


def test_days_moments_and_people_are_named_as_such():
    for model in our_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.DateTimeField):
                named = field.name.endswith("_at") or field.name == "at"
                inherited = field.name in ("last_login", "date_joined")
                assert named or inherited, field
            elif isinstance(field, models.DateField):
                assert field.name.endswith("_on") or field.name == "on", field


def test_no_model_overrides_save_and_no_signal_is_connected_by_us():
    for model in our_models():
        assert "save" not in vars(model), model
    found = [
        f"{relative(path)}, line {line}"
        for floor in FLOORS
        for path in sources(floor)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and "signals" in node.module
        for line in [node.lineno]
    ]
    assert not found, "\n".join(found)


def test_no_drawer_for_everything_is_opened():
    drawers = {"utils", "helpers", "core", "common"}

    assert not [
        relative(path)
        for floor in FLOORS
        for path in sources(floor)
        if drawers & {part.removesuffix(".py") for part in path.relative_to(HOUSE).parts}
    ]


def test_every_module_says_what_it_is():
    quiet = {"__init__.py", "apps.py", "urls.py"}  # what these are, Django says

    assert not [
        relative(path)
        for floor in FLOORS
        for path in sources(floor)
        if path.name not in quiet and ast.get_docstring(ast.parse(path.read_text())) is None
    ]

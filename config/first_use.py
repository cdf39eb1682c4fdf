"""A command of ours before the first `./run`: the tables are made and the facts loaded for it."""

import os
import sys

OURS = {"accounts", "footprints", "stakeholders"}


def prepare(command):
    """Migrate an embedded database that has no tables yet, and load the register.

    Only for our own commands: Django's (migrate, shell, flush) find what they find. What is done
    is told on stderr, so that a command's output stays its own.
    """
    if os.environ.get("DATABASE_URL"):
        return  # a company's database is migrated when its administrator says so
    import django
    from django.core.management import call_command, get_commands
    from django.db import connection

    django.setup()
    if get_commands().get(command) not in OURS:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('footprints_release')")
        if cursor.fetchone()[0] is not None:
            return
    print("First use: making the tables and loading the register …", file=sys.stderr)
    call_command("migrate", interactive=False, verbosity=0)
    if command != "load_register":
        call_command("load_register", stdout=sys.stderr)

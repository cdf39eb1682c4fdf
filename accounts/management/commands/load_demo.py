"""Founds the demo company, Marlstone Medicines, over the loaded register."""

import os

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import localdate, now

from accounts.alerts.addressing import raise_alerts
from accounts.demo import LOGINS
from accounts.demo.company import DemoRefused, found
from accounts.reminders.sweeping import sweep
from accounts.services.flags import raise_flags


class Command(BaseCommand):
    help = (
        "Create the invented company Marlstone Medicines: teams, colleagues, plans, stakeholders. "
        "A second run changes nothing. Needs the register: ./run load_register"
    )

    def handle(self, **options):
        # The demo's passwords are known to everybody: only a trial may have them.
        is_trial = settings.DEBUG or os.environ.get("WAYMARK_DEMO") == "1"
        try:
            made = found(logins=is_trial)
        except DemoRefused as refused:
            raise CommandError(str(refused)) from None
        raise_flags()  # a new user is quicker than the clock's first minute
        raise_alerts(moment=now())
        sweep(today=localdate(), moment=now())
        if made.teams:
            self.stdout.write(
                f"Marlstone Medicines (invented) is here: {made.teams} teams, "
                f"{made.colleagues} colleagues, {made.plans} plans with {made.territories} "
                f"territories and {made.assignments} assignments, {made.people} stakeholders "
                f"in {made.posts} posts."
            )
        else:
            self.stdout.write("Marlstone Medicines is here already. Nothing else was changed.")
        if is_trial:
            self.stdout.write("Sign in as:")
            for says, username, password in LOGINS:
                self.stdout.write(f"  {says}: {username}, password {password}")
        else:
            self.stdout.write(
                "No demo sign-ins were opened: everybody knows their passwords, and this is no "
                "trial. To let a colleague in: ./run changepassword planner"
            )

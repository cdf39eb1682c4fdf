"""A beat or a worker of the fault run: the program's own, with what the run must see and turn.

    python -m bench.faults.program beat|worker NAME

What is added is here and nowhere in the program: each process says its number to PostgreSQL and to
the mail server, waits two seconds and not thirty for a mail server that hangs, and goes by a clock
that the file FAULTS_CLOCK puts forward or back by so many seconds.
"""

import os
import sys
import threading
import time
from pathlib import Path

import time_machine
from celery.signals import task_prerun, worker_process_init

from config.celery import app

CLOCK = Path(os.environ["FAULTS_CLOCK"])
MAIL_SECONDS = 2


class Shift:
    """The process's clock beside the machine's."""

    def __init__(self):
        self.seconds, self.traveller = 0.0, None

    def follow(self, **signal):
        said = float(CLOCK.read_text() or 0)
        if said == self.seconds:
            return
        if self.traveller:
            self.traveller.stop()
        self.seconds, self.traveller = said, None
        if said:
            self.traveller = time_machine.travel(time.time() + said)
            self.traveller.start()

    def keep_following(self):
        while True:
            time.sleep(1)
            self.follow()


shift = Shift()


def introduce(**signal):
    """Say to the servers who speaks to them."""
    from django.core.mail.utils import DNS_NAME

    os.environ["PGAPPNAME"] = str(os.getpid())
    DNS_NAME._fqdn = f"pid{os.getpid()}.example"


def main():
    shift.follow()
    threading.Thread(target=shift.keep_following, daemon=True).start()
    app.loader.import_default_modules()
    from django.conf import settings

    settings.EMAIL_TIMEOUT = MAIL_SECONDS
    if sys.argv[1] == "beat":
        app.Beat(loglevel="WARNING", pidfile=None).run()
        return
    worker_process_init.connect(introduce)
    task_prerun.connect(shift.follow)
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    app.worker_main(["worker", "-c", "3", "-n", f"{sys.argv[2]}@faults", *quiet])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Django's commands, with the embedded servers up for as long as one runs."""

import os
import sys
from contextlib import nullcontext

# These need no database, or (up) start the servers themselves, telling as they go.
WITHOUT_SERVERS = {
    *("up", "help", "version", "--help", "--version", "-h"),
    *("check", "collectstatic", "diffsettings", "findstatic", "makemessages", "compilemessages"),
}


def main():
    """Run the command in sys.argv."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.embedded import services
    from config.first_use import prepare

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    needs_servers = command not in WITHOUT_SERVERS and "--help" not in sys.argv
    try:
        with services() if needs_servers else nullcontext():
            if needs_servers:
                prepare(command)
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}")  # it says what to do; where it was raised is no help


if __name__ == "__main__":
    main()

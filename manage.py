#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from sync.garbage import relax_gc

relax_gc()  # here for the processes that this one spawns, too


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bos.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from environs import EnvError

    try:
        execute_from_command_line(sys.argv)
    except (EnvError, ImproperlyConfigured) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()

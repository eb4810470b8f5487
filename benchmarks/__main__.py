"""The command: `python -m benchmarks`, or `make bench`; `--help` says what it takes."""

import os
import sys

import django


def main(arguments: list[str]) -> int:
    """Run the benchmarks, or in a process of its own the one that is measured."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    django.setup()
    from benchmarks import command, looking, replaying

    for each in (looking, replaying):
        if arguments == [each.WORD]:
            each.answer(sys.stdin.buffer, sys.stdout)
            return 0
    return command.run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

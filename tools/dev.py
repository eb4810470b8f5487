"""The project's commands, on a bare Python: prepare the environment, then run one thing in it.

python tools/dev.py env | demo | serve | test | check | bench   [further arguments]
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  (this is where an older Python is told)
    sys.exit(
        "Python 3.11 or newer is needed; this is Python {}.{}. Name another one, for example: "
        "make PYTHON=python3.12 test".format(*sys.version_info)
    )

import environment
import postgres
import server
import services

NO_TESTS_COLLECTED = 5
VAR = environment.ROOT / "var"
#: A process for each core, up to as many as a broker has databases to spare.
SHARED_OUT = ("--numprocesses", "auto", "--maxprocesses", "8", "--dist", "worksteal")
STATIC_CHECKS = {
    "lint": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["mypy"],
    "imports": ["lint-imports", "--no-logo", "--no-cache"],
    "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
}


def env(_arguments: list[str]) -> int:
    """Create or refresh .venv with everything the suite and the checks need."""
    environment.ensure(environment.DEVELOPMENT)
    environment.say(f"{environment.VENV.name} is ready")
    return 0


def demo(arguments: list[str]) -> int:
    """Run the demonstration on a SQLite file, or on DATABASE_URL."""
    environment.ensure(environment.RUNTIME)
    return manage("demo", *arguments)


def serve(arguments: list[str]) -> int:
    """Serve the shop, its admin and its API for development."""
    environment.ensure(environment.RUNTIME)
    return manage("migrate", "--verbosity", "0") or manage("runserver", *arguments)


def check(_arguments: list[str]) -> int:
    """Run the static checks: lint, format, types, imports, migrations."""
    environment.ensure(environment.DEVELOPMENT)
    return verdict(static_checks())


def test(arguments: list[str]) -> int:
    """Run the static checks and the suite; with arguments, only the suite, narrowed by them."""
    environment.ensure(environment.DEVELOPMENT)
    if arguments:
        environment.say("a narrowed run leaves the static checks out; make check runs them")
        return verdict(suite(arguments))
    return verdict(static_checks() + suite([]))


def bench(arguments: list[str]) -> int:
    """Measure reconciliation and replay on PostgreSQL; `--help` names the options."""
    environment.ensure(environment.RUNTIME)
    command = [environment.script("python"), "-m", "benchmarks", *arguments]
    with postgres.running() as database:
        # What follows from a finding waits in the database: nobody works here.
        return services.call(command, DATABASE_URL=database.url, CELERY_BROKER_URL="")


def static_checks() -> list[str]:
    """Run every static check and return the names of those that failed."""
    failed = []
    for name, (program, *arguments) in STATIC_CHECKS.items():
        environment.say(name)
        # In memory: looking for missing migrations needs a database, but nothing in it.
        command = [environment.script(program), *arguments]
        if services.call(command, DATABASE_URL="sqlite://:memory:"):
            failed.append(name)
    return failed


def suite(arguments: list[str]) -> list[str]:
    """Run the whole suite on PostgreSQL, then on SQLite what must hold on both.

    Returns the names of the runs that failed.
    """
    with services.running() as servers, server.scratch() as folder:
        variables = servers.variables()
        environment.say(f"{servers.summary} | {libraries()}")
        on_postgres = pytest(arguments, **variables)
        environment.say("the scenarios once more, on SQLite")
        variables["DATABASE_URL"] = f"sqlite:///{folder / 'suite.sqlite3'}"
        on_sqlite = pytest([*arguments, "-m", "both_databases"], **variables)
    if arguments and on_sqlite == NO_TESTS_COLLECTED:
        on_sqlite = 0
    return ["suite on PostgreSQL"] * bool(on_postgres) + ["suite on SQLite"] * bool(on_sqlite)


def pytest(arguments: list[str], **variables: str) -> int:
    """Run pytest once, on every core, and return its exit code."""
    command = [environment.script("pytest"), *SHARED_OUT, *arguments]
    return services.call(command, **variables)


def libraries() -> str:
    """Name the versions of the two libraries that everything stands on."""
    pins = dict(
        line.split()[0].split("==")
        for line in environment.RUNTIME.read_text(encoding="utf-8").splitlines()
        if "==" in line.split("#")[0]
    )
    return f"Django {pins['django']} | Celery {pins['celery']}"


def manage(*arguments: str) -> int:
    """Run manage.py, on a SQLite file under var/ unless DATABASE_URL says otherwise."""
    VAR.mkdir(exist_ok=True)
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{VAR / 'shop.sqlite3'}"
    return services.call([environment.script("python"), "manage.py", *arguments], DATABASE_URL=url)


def verdict(failed: list[str]) -> int:
    """Say how it went and return the exit code."""
    environment.say("FAILED: " + ", ".join(failed) if failed else "all is well")
    return 1 if failed else 0


COMMANDS = {"env": env, "demo": demo, "serve": serve, "test": test, "check": check, "bench": bench}


def main(arguments: list[str]) -> int:
    """Run the named command."""
    if not arguments or arguments[0] not in COMMANDS:
        lines = [f"  {name:7}{command.__doc__}" for name, command in COMMANDS.items()]
        sys.stderr.write("\n".join(["usage: python tools/dev.py COMMAND [arguments]", *lines, ""]))
        return 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except environment.SetupFailed as failure:
        environment.say(f"FAILED: {failure}")
        return 1
    except KeyboardInterrupt:
        environment.say("interrupted")
        return services.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Killed: does what is due for stock and payments in forks, each dead at the k-th thing it says.

    python -m tests.integration.killed

reads one k per line and answers how that fork ended: killed, finished or failed.
"""

import os
import signal
import sys

import django


class Doom:
    """Kills this process before its k-th statement or COMMIT, or right after a COMMIT."""

    def __init__(self, k: int) -> None:
        """Leave it k steps to live."""
        self.left = k

    def watch(self, connection) -> None:
        commit = connection.commit

        def step_commit_step() -> None:
            self.step()
            commit()
            self.step()

        connection.commit = step_commit_step
        connection.execute_wrappers.append(self._statement)

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def _statement(self, execute, sql, params, many, context):
        self.step()
        return execute(sql, params, many, context)


def fork(k: int) -> str:
    """Drain in a fork with k steps to live; return "killed", or "finished" if it lived on."""
    child = os.fork()
    if not child:
        drain(k)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return f"failed with {status}" if status else "finished"


def drain(k: int) -> None:
    """Do what is due with a connection of this fork's own."""
    from django.db import connections

    from sagas.worker import Worker

    connection = connections["default"]
    connection.ensure_connection()
    Doom(k).watch(connection)
    try:
        Worker({"inventory", "payments"}).drain()
    except BaseException as error:  # noqa: BLE001  nothing may escape into the forking parent
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)


if __name__ == "__main__":
    django.setup()
    for line in sys.stdin:
        sys.stdout.write(f"{fork(int(line))}\n")
        sys.stdout.flush()

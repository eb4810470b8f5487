"""Run a module that wants to listen everywhere, and let it listen on 127.0.0.1 alone.

    python on_loopback.py MODULE [ITS ARGUMENTS]

Its sockets are of the older family, whichever it asks for, so that no machine lacks the address.
"""

import runpy
import socket
import sys


class _Loopback(socket.socket):
    def __init__(self, family=socket.AF_INET, *args, **kwargs):
        super().__init__(socket.AF_INET if family == socket.AF_INET6 else family, *args, **kwargs)

    def bind(self, address):
        """Keep the port and replace the host."""
        super().bind(("127.0.0.1", address[1]))


if __name__ == "__main__":
    socket.socket = _Loopback
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

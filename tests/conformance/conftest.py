"""The rigs, one server each for the whole run; orders never share a number."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance import stripe_stub, toss_stub
from tests.conformance.rigs import (
    PATIENCE,
    LocalstripeRig,
    SimulatedRig,
    StripeStubRig,
    TossRig,
)
from tests.conformance.servers import Line, forwarding, serving
from tests.conformance.stripe_stub import StripeStub
from tests.conformance.toss_stub import TossStub

#: Where localstripe keeps what it knows; nobody reads it.
_PICKLE = Path("/tmp/localstripe.pickle")


@pytest.fixture
def simulated(tmp_path):
    return SimulatedRig(tmp_path / "provider.sqlite3")


@pytest.fixture(scope="session")
def stripe():
    stub = StripeStub()
    line = Line(stub.answer)
    with serving(line.answer) as base:
        yield StripeStubRig(stub, line, base)


@pytest.fixture(scope="session")
def toss():
    stub = TossStub()
    line = Line(stub.answer)
    with serving(line.answer) as base:
        yield TossRig(stub, line, base)


@pytest.fixture(scope="session")
def localstripe(localstripe_server):
    line = Line(forwarding(localstripe_server))
    with serving(line.answer) as base:
        rig = LocalstripeRig(line, base, localstripe_server)
        with serving(rig.receive) as address:
            rig.receives_at(address)
            yield rig


@pytest.fixture(scope="session")
def localstripe_server():
    """Run localstripe in a process of its own, on 127.0.0.1 alone; return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = Path(__file__).with_name("on_loopback.py")
    command = [sys.executable, launcher, "localstripe", "--port", str(port), "--from-scratch"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
        process.kill()
    _PICKLE.unlink(missing_ok=True)


def _wait_for(port, process):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    process.kill()
    message = f"localstripe (requirements-dev.txt) did not start: {process.stderr.read().decode()}"
    raise RuntimeError(message)


@pytest.fixture(params=["simulated", "stripe", "localstripe", "toss"])
def rig(request):
    """Each provider in turn; what its server can't do must fail, so that a closed gap is told."""
    rig = request.getfixturevalue(request.param)
    operation = request.node.callspec.params.get("operation")
    name = request.node.originalname + (f"[{operation}]" if operation else "")
    if name in rig.gaps:
        request.applymarker(pytest.mark.xfail(reason=rig.gaps[name], strict=True))
    yield rig
    rig.reset()


@pytest.fixture
def shop(request, settings, monkeypatch, tmp_path):
    """Set the shop up as its environment would, with one of the providers; return the rig."""
    rig = request.getfixturevalue(request.param)
    settings.ROOT_URLCONF = "tests.unit.payment_urls"
    settings.PAYMENT_PROVIDER = request.param
    if request.param == "simulated":
        settings.PROVIDER_BOOKS = rig.provider.path
    else:
        keys = {"stripe": "sk_test_stub", "toss": toss_stub.SECRET_KEY}
        name = {"stripe": "STRIPE_API_KEY", "toss": "TOSS_SECRET_KEY"}[request.param]
        monkeypatch.setenv(name, keys[request.param])
        monkeypatch.setenv(f"{request.param.upper()}_API_BASE", rig.base)
        monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", stripe_stub.SECRET)
    yield rig
    rig.reset()

"""Running the simulated hub: in a thread for tests, or until a signal for the command line."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn

from kmaflow.simulator.app import Simulator
from kmaflow.simulator.settings import SimulatorSettings

LOCAL = "127.0.0.1"
_START_S = 60.0


class PortTaken(OSError):
    """The port cannot be had; the message names it and says what to do."""


@dataclass(frozen=True)
class Running:
    """A simulator that answers. `url` is what a client takes for the hub's `/api/typ01`."""

    base_url: str
    settings: SimulatorSettings
    simulator: Simulator
    _server: uvicorn.Server
    _thread: threading.Thread

    @property
    def url(self) -> str:
        """Address of the hub's API: `http://127.0.0.1:PORT/api/typ01`."""
        return f"{self.base_url}/api/typ01"

    def stop(self) -> None:
        """Stops answering and waits until the thread has ended. May be called twice."""
        self._server.should_exit = True
        self._thread.join(_START_S)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror}); choose another port or 0") from error
    return listener


def _server(simulator: Simulator) -> uvicorn.Server:
    # `critical`: a deliberately cut answer is an error to uvicorn, and it logs one for each
    return uvicorn.Server(
        uvicorn.Config(
            simulator.app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=3
        )
    )


@contextlib.contextmanager
def running(settings: SimulatorSettings | None = None, port: int = 0, host: str = LOCAL) -> Iterator[Running]:
    """A simulator in a thread of this process; port 0 takes a free one."""
    simulator = Simulator(settings)
    listener = _listen(host, port)
    server = _server(simulator)
    thread = threading.Thread(target=server.run, args=([listener],), name="kma-simulator", daemon=True)
    thread.start()
    name = f"[{host}]" if ":" in host else host
    handle = Running(f"http://{name}:{listener.getsockname()[1]}", simulator.settings, simulator, server, thread)
    try:
        deadline = time.monotonic() + _START_S
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("the simulator did not start")
            time.sleep(0.005)
        yield handle
    finally:
        handle.stop()
        listener.close()


def serve(
    settings: SimulatorSettings | None = None,
    host: str = LOCAL,
    port: int = 8600,
    *,
    listening: Callable[[int], None] = lambda _: None,
) -> None:
    """Answers until SIGINT or SIGTERM; raises PortTaken where the port is not free. ``listening`` hears the port once it is had."""
    simulator = Simulator(settings)
    listener = _listen(host, port)
    try:
        listening(listener.getsockname()[1])
        _server(simulator).run([listener])
    except KeyboardInterrupt:
        # uvicorn raises the signal again once it has shut down cleanly; for us that is the normal end
        return
    finally:
        listener.close()

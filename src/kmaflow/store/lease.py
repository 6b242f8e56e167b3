"""One worker for one piece of work: a row that names the worker and expires by the server's clock unless it is renewed.

A worker that is killed renews nothing, so its lease ends by itself. Clocks of workers play no part: whether a lease has expired is
decided in SQL, by the server.
"""

from __future__ import annotations

import logging
import os
import random
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from kmaflow.store.engines.database import again, insert_if_absent, reading, server_time, writing
from kmaflow.store.errors import StoreError
from kmaflow.store.schema.service import LEASE

log = logging.getLogger(__name__)

#: A renewal that fails is tried again after so many parts of the lease's life.
_RETRY_PART = 12
_MAX_NAME = 128
#: As :func:`process_identity` writes it.
_IDENTITY = re.compile(r"(?P<boot>[0-9a-f]+)/(?P<namespace>\d+)/(?P<process>\d+)/(?P<started>\d+)")


def pauses(longest: float) -> Iterator[float]:
    """Seconds to wait between looks: short at first, up to ``longest``, never two workers in step."""
    pause = 0.05
    while True:
        yield random.uniform(pause / 2, pause)
        pause = min(pause * 1.5, longest)


class Lease:
    """The right to do what ``name`` says, for one holder at a time. As a context manager it is given back at the end::

        with state.lease("aws_minute 202611221200-202611221210") as lease:
            if lease.take(wait=True, timeout=600):
                ...

    Every object is a worker of its own, also within one process. While it is held, a thread renews it every third of its life.

    Args:
        name: what is to be done; no secret, at most 128 characters.
        ttl: seconds after which a lease that is not renewed is free.
    """

    def __init__(self, engine: sa.Engine, name: str, ttl: float = 60.0) -> None:
        if not 0 < len(name) <= _MAX_NAME or ttl <= 0:
            raise ValueError(f"a lease needs a name of 1 to {_MAX_NAME} characters and a life: {name!r}, {ttl} s")
        self.name = name
        self.ttl = ttl
        self.owner = owner_name()
        self._engine = engine
        self._mine = sa.and_(LEASE.c.name == name, LEASE.c.owner == self.owner)
        self._held = False
        self._lost = threading.Event()
        self._stop = threading.Event()
        self._renewed = 0.0

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def held(self) -> bool:
        """Whether it was taken, not given back and not lost."""
        return self._held and not self.lost

    @property
    def lost(self) -> bool:
        """Whether somebody else has it, or may have it since it could not be renewed for ``ttl`` seconds. Once True it stays so
        until it is taken again.
        """
        if self._held and time.monotonic() - self._renewed >= self.ttl:
            self._lost.set()
        return self._lost.is_set()

    def take(self, *, wait: bool = False, timeout: float | None = None) -> bool:
        """Take it if nobody has it, or whoever had it let it expire; True if it is ours now.

        Args:
            wait: look again until it is ours.
            timeout: seconds to wait at most, None = without end.

        Raises:
            StoreError: the state database cannot be used.
        """
        if self.held:
            return True
        end = None if timeout is None else time.monotonic() + timeout
        self._stop.set()
        self._held = False
        taken = self._try() or (self._remove_dead() and self._try())
        for pause in pauses(1.0):
            if taken or not wait or (end is not None and time.monotonic() >= end):
                break
            time.sleep(pause)
            # Only who sees it free asks for the right to write.
            taken = self._is_free() and self._try()
        if taken:
            self._lost.clear()
            self._held = True
            self._stop = threading.Event()
            threading.Thread(target=self._renew, args=(self._stop,), name=f"lease {self.name}", daemon=True).start()
        return taken

    def release(self) -> None:
        """Give it back, if it is still ours. A database that cannot be reached is no error here: the lease expires."""
        if not self._held:
            return
        self._stop.set()

        def work() -> None:
            with writing(self._engine) as connection:
                connection.execute(LEASE.delete().where(self._mine))

        try:
            again(work)
        except StoreError as error:
            log.warning("lease %s is not given back, it expires in %g s: %s", self.name, self.ttl, error.what)
        finally:
            self._held = False

    def _remove_dead(self) -> bool:
        """A worker of this machine that is gone renews nothing, so nobody has to wait for its lease to end; whether there was one."""
        with reading(self._engine) as connection:
            owner = connection.execute(sa.select(LEASE.c.owner).where(LEASE.c.name == self.name)).scalar()
        if owner is None or not _is_gone(owner):
            return False
        with writing(self._engine) as connection:
            connection.execute(LEASE.delete().where(LEASE.c.name == self.name, LEASE.c.owner == owner))
        return True

    def _is_free(self) -> bool:
        held = sa.select(LEASE.c.name).where(LEASE.c.name == self.name, LEASE.c.expires_at > self._in())
        with reading(self._engine) as connection:
            return connection.execute(held).first() is None

    def _try(self) -> bool:
        """One transaction; whether it is ours then."""

        def work() -> bool:
            # Ours already: the answer to an earlier try was lost with its connection.
            free = sa.or_(LEASE.c.expires_at <= self._in(), LEASE.c.owner == self.owner)
            values = {"owner": self.owner, "taken_at": self._in(), "expires_at": self._in(self.ttl)}
            with writing(self._engine) as connection:
                self._renewed = time.monotonic()
                taken = connection.execute(
                    LEASE.update().where(LEASE.c.name == self.name, free).values(values)
                ).rowcount
                return bool(taken) or insert_if_absent(connection, LEASE, {"name": self.name, **values})

        return again(work)

    def _in(self, seconds: float = 0.0) -> sa.ColumnElement[datetime]:
        """The server's moment in so many seconds."""
        return server_time(self._engine, seconds)

    def _renew(self, stop: threading.Event) -> None:
        """Renew until told to stop, or until it is lost."""
        pause = self.ttl / 3
        while not stop.wait(pause):
            began = time.monotonic()
            try:
                with writing(self._engine) as connection:
                    renewal = LEASE.update().where(self._mine).values(expires_at=self._in(self.ttl))
                    ours = connection.execute(renewal).rowcount == 1
            except StoreError as error:
                log.info("lease %s: not renewed, tried again: %s", self.name, error.what)
                pause = self.ttl / _RETRY_PART
                ours = time.monotonic() - self._renewed < self.ttl
            else:
                self._renewed, pause = began, self.ttl / 3
            if stop.is_set() or self._lost.is_set():
                return
            if not ours:
                log.warning("lease %s is lost: another worker has it, or it could not be renewed", self.name)
                self._lost.set()
                return


def sweep(engine: sa.Engine, older: float) -> int:
    """Remove leases that expired more than ``older`` seconds ago (their holders were killed); gives their number."""
    long_gone = LEASE.c.expires_at < server_time(engine, -older)
    with reading(engine) as connection:
        names = list(connection.execute(sa.select(LEASE.c.name).where(long_gone).limit(500)).scalars())
    if not names:
        return 0

    def work() -> int:
        with writing(engine) as connection:
            return connection.execute(LEASE.delete().where(LEASE.c.name.in_(names), long_gone)).rowcount

    return again(work)


def owner_name() -> str:
    """A name of its own for a holder: host name (for people), this process as :func:`process_identity` knows it, a random part."""
    return f"{socket.gethostname()[:32]} {process_identity() or 'unknown'} {uuid.uuid4().hex[:16]}"


def process_identity() -> str | None:
    """This process, told apart from any other that ever ran on any machine; None where ``/proc`` does not say.

    ``boot id/PID namespace/PID/start``: two containers with one host name are two namespaces, a machine that started anew has another boot id,
    and a PID that is used again has another start (in clock ticks since boot).
    """
    try:
        if str(Path("/proc/self").readlink()) != str(os.getpid()):
            return None  # /proc belongs to another PID namespace
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return None
    return f"{boot}/{namespace}/{os.getpid()}/{_started(os.getpid())}"


def _started(process: int) -> str | None:
    """When a process of this PID namespace began, in clock ticks since boot; None where ``/proc`` does not say, or it has ended."""
    try:
        # The second field, the command in parentheses, may hold anything; the third is the state, the 22nd the start.
        fields = Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _is_gone(owner: str) -> bool:
    """Whether an owner was a process of this PID namespace that has ended. Of any other nobody here can know."""
    here, found = process_identity(), _IDENTITY.search(owner)
    if here is None or found is None or here.split("/")[:2] != [found["boot"], found["namespace"]]:
        return False
    process = int(found["process"])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # somebody else's, which /proc may hide
    else:
        return _started(process) != found["started"]
    return _started(process) not in (None, found["started"])

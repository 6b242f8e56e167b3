"""For processes that are containers elsewhere: what listens on every address of its container listens on 127.0.0.1 of this machine."""

from __future__ import annotations

import socket
from typing import Any

_bind = socket.socket.bind
_EVERYWHERE = {"", "0.0.0.0", "::"}
_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def bind(self: socket.socket, address: Any) -> None:
    if isinstance(address, tuple) and address[0] in _EVERYWHERE and self.family in _LOOPBACK:
        address = (_LOOPBACK[self.family], *address[1:])
    _bind(self, address)


socket.socket.bind = bind  # type: ignore[method-assign, assignment]

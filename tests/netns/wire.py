"""The test's ends of the wires: raw packet sockets in the peers' namespace, without a kernel stack behind them."""

import contextlib
import ctypes
import os
import select
import socket
import time

from scapy.layers.l2 import Ether

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(namespace):
    """The calling thread is in the namespace; a socket made there stays there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        _setns(there)
        yield
    finally:
        _setns(home)
        os.close(there)
        os.close(home)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Wire:
    """One interface. What is received before flush() or the last expect() is not lost, but kept in order."""

    def __init__(self, namespace, interface, mac):
        self._namespace = namespace
        self.interface = interface
        self.mac = mac
        self.gateway_mac = None     # set by whoever learns it
        with inside(namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self._socket.bind((interface, ETH_P_ALL))
        self._socket.setblocking(False)

    def close(self):
        self._socket.close()

    def stands(self):
        """Both ends are there."""
        with inside(self._namespace):
            return self.interface in (name for _, name in socket.if_nameindex())

    def send(self, *packets):
        """IP packets get an Ethernet header to the gateway; frames go as they are."""
        for packet in packets:
            frame = packet if isinstance(packet, (bytes, Ether)) else Ether(src=self.mac, dst=self.gateway_mac) / packet
            self._socket.send(bytes(frame))

    def receive(self, timeout):
        """The next frame, or None."""
        ready, _, _ = select.select([self._socket], [], [], max(timeout, 0))
        if not ready:
            return None
        return Ether(self._socket.recv(65536))

    def flush(self):
        while self.receive(0) is not None:
            pass

    def collect(self, wanted, count=1, timeout=2.0):
        """Up to `count` frames that `wanted(frame)` accepts; the others are thrown away."""
        found, until = [], time.monotonic() + timeout
        while len(found) < count:
            frame = self.receive(until - time.monotonic())
            if frame is None:
                break
            if wanted(frame):
                found.append(frame)
        return found

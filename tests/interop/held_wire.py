"""A wire between two namespaces that holds IKE messages until a test lets them go: in what order, how often, or never.

Everything else passes at once. What is held is told by the header that IKE has in clear (RFC 7296 section 3.1): the initiator's SPI.
"""

import ctypes
import os
import select
import socket
import struct
import threading
import time

ETH_P_ALL = 3
OUTGOING = 4        # PACKET_OUTGOING
CLONE_NEWNET = 0x40000000


def _socket_in(namespace, interface):
    """A packet socket on an interface of another namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{namespace.name}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            made.bind((interface, 0))
            return made
        finally:
            libc.setns(home, CLONE_NEWNET)
    finally:
        os.close(home)
        os.close(there)


def ike_spi(frame):
    """The initiator's SPI of an IKE message over IPv4 and port 500; None: it is something else."""
    if len(frame) < 70 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    udp = 14 + (frame[14] & 15) * 4
    ports = struct.unpack_from("!HH", frame, udp)
    return frame[udp + 8:udp + 16] if ports == (500, 500) else None


class HeldWire:
    """Between interface `ends["a"]` and `ends["b"]` of one namespace. Threads: one of its own that forwards; the test's asks."""

    def __init__(self, namespace, ends):
        self.sockets = {side: _socket_in(namespace, name) for side, name in ends.items()}
        self.changed = threading.Condition()
        self.held = None            # the SPI of what is held
        self.queue = []             # [(from side, frame)]
        self.ends = os.pipe()
        self.thread = threading.Thread(target=self._forward, daemon=True)
        self.thread.start()

    def _forward(self):
        sides = {sock.fileno(): side for side, sock in self.sockets.items()}
        while True:
            for fd in select.select([*sides, self.ends[0]], [], [])[0]:
                if fd == self.ends[0]:
                    return
                frame, address = self.sockets[sides[fd]].recvfrom(65535)
                if address[2] == OUTGOING:
                    continue
                with self.changed:
                    if self.held is not None and ike_spi(frame) == self.held:
                        self.queue.append((sides[fd], frame))
                        self.changed.notify_all()
                        continue
                self.deliver((sides[fd], frame))

    def hold(self, spi):
        with self.changed:
            self.held = spi

    def take(self, side, seconds=1.5):
        """The oldest message of `side`, as soon as there is one. LookupError: it sent none."""
        until = time.monotonic() + seconds
        with self.changed:
            while True:
                for item in self.queue:
                    if item[0] == side:
                        self.queue.remove(item)
                        return item
                if not self.changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                    raise LookupError(f"side {side} sent nothing")

    def deliver(self, item):
        side, frame = item
        try:
            self.sockets["b" if side == "a" else "a"].send(frame)
        except OSError:
            pass        # the other end has gone

    def release(self):
        """What is held goes on, in its order, and nothing is held any more."""
        with self.changed:
            self.held = None
            left, self.queue = self.queue, []
        for item in left:
            self.deliver(item)

    def close(self):
        os.write(self.ends[1], b"x")
        self.thread.join(5)
        for sock in self.sockets.values():
            sock.close()
        for fd in self.ends:
            os.close(fd)

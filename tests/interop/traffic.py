#!/usr/bin/python3
"""Numbered datagrams from one host to another, counted end to end.

  traffic.py send ADDRESS PORT RATE SECONDS      prints how many were sent
  traffic.py receive ADDRESS PORT                until SIGTERM; prints received, distinct and highest number
"""

import signal
import socket
import struct
import sys
import time

SO_RCVBUFFORCE = 33     # asm-generic/socket.h; Python has no name for it


def send(address, port, rate, seconds):
    out = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    out.connect((address, port))
    begin, number = time.monotonic(), 0
    total = int(rate * seconds)
    while number < total:
        due = min(total, int((time.monotonic() - begin) * rate) + 1)
        while number < due:
            try:
                out.send(struct.pack("!Q", number) + bytes(56))
            except ConnectionRefusedError:
                pass
            number += 1
        time.sleep(0.0005)
    print(number)


def receive(address, port):
    into = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    into.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    into.bind((address, port))
    into.settimeout(0.1)
    seen, received, going = set(), 0, True

    def stop(*_):
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    while going:
        try:
            while True:
                seen.add(struct.unpack("!Q", into.recv(2048)[:8])[0])
                received += 1
        except TimeoutError:
            pass
    print(received, len(seen), max(seen, default=-1))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
    else:
        receive(sys.argv[2], int(sys.argv[3]))

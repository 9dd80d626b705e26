"""As much of strongSwan's VICI protocol as asking charon to initiate takes (its README.md in libcharon/plugins/vici)."""

import socket
import struct

_REQUEST, _RESPONSE, _UNKNOWN = 0, 1, 2


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))

    def close(self):
        self.socket.close()

    def call(self, command, values):
        """The answer's key-value pairs at top level."""
        name = command.encode()
        body = b"".join(struct.pack("!BB", 3, len(k)) + k.encode() + struct.pack("!H", len(str(v))) + str(v).encode() for k, v in values.items())
        packet = struct.pack("!BB", _REQUEST, len(name)) + name + body
        self.socket.sendall(struct.pack("!I", len(packet)) + packet)
        answer = self._read(struct.unpack("!I", self._read(4))[0])
        if answer[0] != _RESPONSE:
            raise OSError(f"{command}: charon does not know it")
        return dict(_pairs(answer[1:]))

    def _read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise OSError("charon closed its VICI socket")
            data += piece
        return data


def _pairs(data):
    at, depth = 0, 0
    while at < len(data):
        kind, at = data[at], at + 1
        name = b""
        if kind in (1, 3, 4):
            length = data[at]
            name, at = data[at + 1:at + 1 + length], at + 1 + length
        if kind in (3, 5):
            length = struct.unpack_from("!H", data, at)[0]
            value, at = data[at + 2:at + 2 + length], at + 2 + length
            if kind == 3 and depth == 0:
                yield name.decode(), value.decode(errors="replace")
        depth += {1: 1, 2: -1}.get(kind, 0)

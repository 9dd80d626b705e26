"""The throughput search of RFC 2544 section 26.1: the highest rate at which no more is lost than allowed.

Knows no generator; rfc2544.lua is the same in Lua, and both are held to the same cases by tests/tools/rfc2544_test.py.
"""

import dataclasses


@dataclasses.dataclass
class Trial:
    offered: int        # packets
    delivered: int

    @property
    def loss(self):
        return (self.offered - self.delivered) / self.offered if self.offered else 1.0


def throughput(trial, *, maximum, resolution, loss):
    """`trial(rate)` offers traffic and returns a Trial. `resolution` is a share of the rate, `loss` one of what is offered; RFC 2544 wants 0.

    Returns (rate, Trial), or (None, None) when there is no such rate above a thousandth of the maximum.
    """
    low, high, rate = 0.0, float(maximum), float(maximum)
    best_rate, best = None, None
    while True:
        result = trial(rate)
        if result.offered > 0 and result.offered - result.delivered <= loss * result.offered:
            best_rate, best, low = rate, result, rate
        else:
            high = rate
        if high - low <= resolution * high or high <= maximum / 1000:
            return best_rate, best
        rate = (low + high) / 2


def line_bits(packets_per_second, frame_bytes):
    """Bit/s on the wire: preamble, start delimiter, FCS and gap are 24 bytes more than a frame without FCS."""
    return packets_per_second * (frame_bytes + 24) * 8

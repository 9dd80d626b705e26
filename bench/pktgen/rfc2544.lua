-- The throughput search of RFC 2544 section 26.1: the highest rate at which no more is lost than allowed. Knows no generator; rfc2544.py is the same in
-- Python, and both are held to the same cases by tests/tools/rfc2544_test.py.

local rfc2544 = {}

-- trial(rate) offers traffic at `rate` and returns {offered =, delivered =} in packets.
-- limits: max (of rate), resolution (a share of the rate), loss (a share of what is offered; RFC 2544 wants 0).
-- Returns the rate and its trial, or nil when there is none above a thousandth of max.
function rfc2544.throughput(trial, limits)
    local low, high, rate = 0, limits.max, limits.max
    local best, best_rate = nil, nil
    while true do
        local result = trial(rate)
        if result.offered > 0 and result.offered - result.delivered <= limits.loss * result.offered then
            best, best_rate, low = result, rate, rate
        else
            high = rate
        end
        if high - low <= limits.resolution * high or high <= limits.max / 1000 then
            return best_rate, best
        end
        rate = (low + high) / 2
    end
end

-- Bit/s on the wire: preamble, start delimiter, FCS and gap are 24 bytes more than a frame without FCS.
function rfc2544.line_bits(packets_per_second, frame_bytes)
    return packets_per_second * (frame_bytes + 24) * 8
end

return rfc2544

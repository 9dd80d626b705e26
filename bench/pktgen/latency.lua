-- RFC 2544 section 26.2: latency for each frame size at the rate without loss, and at 10, 50 and 90 per cent of it.
--
--   pktgen ... -- ... -f bench/pktgen/latency.lua

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
package.path = here .. "?.lua;" .. package.path
local lab, generator, rfc2544 = require("lab"), require("generator"), require("rfc2544")

local kSmallest = 82  -- Pktgen's time stamp needs room in the packet

generator.note(lab, "frame_bytes", "rate_percent", "latency_average_us", "latency_maximum_us", "packets")
for _, size in ipairs(lab.sizes) do
    if size >= kSmallest then
        generator.prepare(lab, size)
        local rate = rfc2544.throughput(function(percent) return generator.trial(lab, percent) end,
                                        {max = 100, resolution = lab.resolution, loss = lab.loss})
        for _, share in ipairs({0.1, 0.5, 0.9, 1.0}) do
            local latency = rate and generator.latency(lab, rate * share)
            if latency then
                generator.note(lab, size, string.format("%.2f", rate * share), latency.average_us, latency.maximum_us, latency.packets)
            end
        end
    end
end

-- RFC 2544 section 26.1: the highest rate without loss for each frame size of lab.lua.
--
--   pktgen ... -- ... -f bench/pktgen/throughput.lua

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
package.path = here .. "?.lua;" .. package.path
local lab, generator, rfc2544 = require("lab"), require("generator"), require("rfc2544")

generator.note(lab, "frame_bytes", "tunnels", "flows", "rate_percent", "packets_per_second", "line_bits_per_second")
for _, size in ipairs(lab.sizes) do
    generator.prepare(lab, size)
    local rate, trial = rfc2544.throughput(function(percent) return generator.trial(lab, percent) end,
                                           {max = 100, resolution = lab.resolution, loss = lab.loss})
    local per_second = trial and trial.delivered / lab.seconds or 0
    generator.note(lab, size, lab.tunnels, lab.flows, string.format("%.2f", rate or 0), string.format("%.0f", per_second),
                   string.format("%.0f", rfc2544.line_bits(per_second, size)))
end

-- The throughput of one frame size over a growing number of tunnels (SPIs), and of flows inside one tunnel: what RSS and the SAD make of them.
--
--   pktgen ... -- ... -f bench/pktgen/spread.lua

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
package.path = here .. "?.lua;" .. package.path
local lab, generator, rfc2544 = require("lab"), require("generator"), require("rfc2544")

local kTunnels = {1, 4, 16, 64, 1000, 10000, 100000}
local kFlows = {1, 16, 256, 4096}
local size = lab.sizes[1]

local function measure(tunnels, flows)
    lab.tunnels, lab.flows = tunnels, flows
    generator.prepare(lab, size)
    local rate, trial = rfc2544.throughput(function(percent) return generator.trial(lab, percent) end,
                                           {max = 100, resolution = lab.resolution, loss = lab.loss})
    generator.note(lab, size, tunnels, flows, string.format("%.2f", rate or 0),
                   string.format("%.0f", trial and trial.delivered / lab.seconds or 0))
end

generator.note(lab, "frame_bytes", "tunnels", "flows", "rate_percent", "packets_per_second")
for _, tunnels in ipairs(kTunnels) do
    measure(tunnels, 1)
end
for _, flows in ipairs(kFlows) do
    measure(1, flows)
end

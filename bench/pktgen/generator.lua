-- What the scripts want of Pktgen-DPDK: traffic over tunnels and flows, a trial at a rate, a latency. Rates are per cent of the link, as Pktgen has them.

local generator = {}

local function address_plus(address, number)
    local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    local value = ((tonumber(a) * 256 + tonumber(b)) * 256 + tonumber(c)) * 256 + tonumber(d) + number
    return string.format("%d.%d.%d.%d", value // 16777216 % 256, value // 65536 % 256, value // 256 % 256, value % 256)
end

-- A range of Pktgen: from `first` to `last` in steps.
local function range(set, port, first, step, last)
    set(port, "start", first)
    set(port, "inc", step)
    set(port, "min", first)
    set(port, "max", last)
end

-- Packets of `lab` of one size, ready to be started.
function generator.prepare(lab, frame_bytes)
    local port = tostring(lab.send)
    local wire_bytes = frame_bytes + 4  -- Pktgen counts the FCS
    pktgen.stop("all")
    pktgen.clr()
    pktgen.set(port, "count", 0)
    pktgen.set(port, "burst", 32)
    pktgen.set(port, "size", wire_bytes)
    pktgen.range.dst_mac(port, "start", lab.gateway_mac)
    pktgen.range.ip_proto(port, "udp")
    range(pktgen.range.src_ip, port, lab.source, "0.0.0.0", lab.source)
    range(pktgen.range.dst_ip, port, lab.destination, lab.tunnels > 1 and "0.0.0.1" or "0.0.0.0",
          address_plus(lab.destination, lab.tunnels - 1))
    range(pktgen.range.src_port, port, 5000, lab.flows > 1 and 1 or 0, 5000 + lab.flows - 1)
    range(pktgen.range.dst_port, port, 6000, 0, 6000)
    range(pktgen.range.ttl, port, 64, 0, 64)
    range(pktgen.range.pkt_size, port, wire_bytes, 0, wire_bytes)
    pktgen.set_range(port, "on")
end

local function counters(lab)
    local send, receive = tostring(lab.send), tostring(lab.receive)
    return pktgen.portStats(send, "port")[lab.send].opackets, pktgen.portStats(receive, "port")[lab.receive].ipackets
end

-- Sends at `rate` per cent for lab.seconds; returns what rfc2544.throughput() takes.
function generator.trial(lab, rate)
    local port = tostring(lab.send)
    pktgen.set(port, "rate", rate)
    local offered_before, delivered_before = counters(lab)
    pktgen.start(port)
    pktgen.delay(lab.seconds * 1000)
    pktgen.stop(port)
    pktgen.delay(lab.settle_seconds * 1000)
    local offered, delivered = counters(lab)
    return {offered = offered - offered_before, delivered = delivered - delivered_before}
end

-- Average and maximum in microseconds at `rate`: Pktgen puts time stamps into some packets. nil when none of them came back.
function generator.latency(lab, rate)
    local port = tostring(lab.send)
    pktgen.latency("all", "enable")
    generator.trial(lab, rate)
    local stats = pktgen.pktStats(tostring(lab.receive))[lab.receive].latency
    pktgen.latency("all", "disable")
    if stats == nil or stats.num_pkts == 0 then
        return nil
    end
    return {average_us = stats.avg_us, maximum_us = stats.max_us, packets = stats.num_pkts}
end

-- Prints a line and appends it to the results.
function generator.note(lab, ...)
    local line = table.concat({...}, ",")
    print(line)
    local file = assert(io.open(lab.results, "a"))
    file:write(line, "\n")
    file:close()
end

return generator

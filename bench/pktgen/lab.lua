-- The lab: change this file, the scripts take everything from it. The addresses are those of bench/pktgen/README.md.

return {
    send = 0,                               -- pktgen's port towards the gateway under test
    receive = 1,                            -- where the packets come back
    gateway_mac = "02:00:00:00:00:01",      -- of the gateway's port that faces `send`
    source = "10.1.0.5",                    -- behind the first gateway
    destination = "10.128.0.0",             -- behind the second; tunnel number i is for 10.128.0.0 + i
    tunnels = 1,                            -- SAs the packets are spread over, one destination each
    flows = 1,                              -- UDP source ports a tunnel's packets are spread over, for RSS
    sizes = {60, 128, 256, 512, 1024, 1280, 1420},  -- frames without FCS
    seconds = 10,                           -- of a trial; RFC 2544 section 24 wants 60 for the final one
    settle_seconds = 2,                     -- for what is under way when a trial ends
    resolution = 0.01,                      -- of the rate that is found
    loss = 0,                               -- share that may be lost: RFC 2544 section 26.1 wants none
    results = "results.csv",
}

-- Each thread of wrk posts the statuses of 64 node-agents in turn.
local token = os.getenv("TOKEN")
local count = 0
function request()
    count = count + 1
    return wrk.format("POST", "/api/v1/clusterchecks/status/node-" .. (count % 64),
        { ["Authorization"] = "Bearer " .. token, ["X-Real-Ip"] = "", ["Content-Type"] = "application/json" },
        '{"last_change":0,"node_type":2}')
end
function done(summary, latency, requests)
    local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format("WRK %d %d\n", summary.requests, errors))
end

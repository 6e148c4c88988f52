-- Each thread of wrk requests the configs of one node.
local token = os.getenv("TOKEN")
function request()
    return wrk.format("GET", "/api/v1/clusterchecks/configs/node-0", { ["Authorization"] = "Bearer " .. token, ["X-Real-Ip"] = "" })
end
function done(summary, latency, requests)
    local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format("WRK %d %d\n", summary.requests, errors))
end

-- For wrk: one line of JSON at the end. With BENCH_BOOK=1 each request books a meeting of its own, at a start of its own over twenty years, so that
-- capacity allows it.
local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end

function init()
   math.randomseed(os.time() * 64 + number)
   wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
   if os.getenv("BENCH_BOOK") ~= "1" then
      return
   end
   wrk.headers["Content-Type"] = "application/json"
   request = function()
      local start = os.date("!%Y-%m-%dT%H:%M:00Z", 1893456000 + math.random(0, 10512000) * 60)
      return wrk.format("POST", nil, nil, '{"topic":"Bench","start_time":"' .. start .. '","duration":30,"timezone":"UTC"}')
   end
end

function done(summary, latency)
   local wrong = summary.errors
   io.write(string.format('{"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"refused":%d,"broken":%d}\n', summary.requests,
                          summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000, wrong.status,
                          wrong.connect + wrong.read + wrong.write + wrong.timeout))
end

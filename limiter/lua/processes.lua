-- Who waits and what is held, by process: what the dead ones said is taken back, and what the
-- asking one says replaces what it said before.

local held = number('held', 0)

local NOTHING = { held = 0, runs = {} }

local function record_of(process) return redis.call('HGET', PROCESSES, process) or nil end
local function said_in(record)
  local said = object(record)
  return said.born == state.born and said or NOTHING
end
local function wait_in_line(run, line)
  local left = count_waiting(line.user, line.rank, run, line.count)
  if left == line.count then waited[run] = waited[run] or now end
end
local function leave(run, line) count_waiting(line.user, line.rank, run, -line.count) end
local function forget(process)
  redis.call('HDEL', PROCESSES, process)
  redis.call('ZREM', LEASES, process)
end

for _, process in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, 4)) do
  if process ~= report.process then
    local past = said_in(record_of(process))
    for run, line in pairs(past.runs) do leave(run, line) end
    held = held - past.held
    forget(process)
  end
end
local processes = redis.call('ZCARD', LEASES)
local record = record_of(report.process)
if processes == 0 or (not record and redis.call('ZSCORE', LEASES, report.process)) then
  -- Nobody is known, or Redis lost what was said: each counts from its next word on.
  state.born, held, record = exact(now), 0, nil
  for _, queue in pairs(queues) do queue.standing, queue.waiting = {}, {} end
end

local past = said_in(record)
held = math.max(0, held - past.held + report.held)
ease(held)

-- The asking process's runs, and the users they are of.
local mine, users, left = {}, {}, 0
for _, said in ipairs(report.waiting) do
  local run, before = said.run, past.runs[said.run]
  mine[run] = said
  said.served = 0
  users[said.user] = { weight = math.max(1, said.weight) }
  left = left + said.count
  if before and (before.rank ~= said.rank or before.user ~= said.user) then
    leave(run, before)
    before = nil
  end
  if not before then
    wait_in_line(run, said)
  elseif said.count ~= before.count then
    count_waiting(said.user, said.rank, run, said.count - before.count)
  end
end
for run, line in pairs(past.runs) do
  if not mine[run] then leave(run, line) end
end

-- What it says now, for the next time; `holding` reservations.
local function store_process(holding)
  local runs, remain = {}, false
  for run, line in pairs(mine) do
    if line.served < line.count then
      runs[run] = { user = line.user, rank = line.rank, count = line.count - line.served }
      remain = true
    end
  end
  if not remain and holding == 0 then return forget(report.process) end
  local says = cjson.encode({ born = state.born, held = holding, runs = runs })
  redis.call('HSET', PROCESSES, report.process, says)
  redis.call('ZADD', LEASES, now + report.lease_s, report.process)
end

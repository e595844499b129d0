-- One provider key and model, for all workers: who may call now, and when the others ask again.
--
-- Atomic, on the server's clock. Amounts are requests or tokens; times are seconds. ARGV[1] is a
-- limiter.gate.Report as JSON; the answer is a limiter.gate.Verdict as JSON.
--
-- A bucket holds `burst` seconds of refill less a margin, so that it runs dry before the
-- provider's. What is missing counts as empty. Who gets the next permit: the user that had the
-- fewest turns for its weight; of its runs those of the first class (0 HIGH, 1 NORMAL, 2 LOW), and
-- of these the one that had the fewest turns, whichever process asks.
--
-- Users stand in one queue, and a user's runs of a class in another. A turn moves a place on by
-- one (a user's by 1 / weight); the queue's own place is that of its last turn. Who comes starts
-- there, and who was away is behind it by what it missed, up to a bound. Who cannot take its turn,
-- because its calls wait for the cache or its process is silent, is not in the queue meanwhile.
--
-- KEYS[9] begins the keys of the queues, all in the gate's own slot.

local GATE, LINES, ALIVE, WANTS, WAITED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local UNAGED, WARM, WARMING, QUEUES = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local DIMENSIONS = { 'requests', 'input', 'output' }

local KEPT_S = 86400          -- a gate that nobody asked for so long is forgotten
local WAITED_KEPT_S = 3600    -- so long it counts since when a run that left has waited
local CREDIT = 10             -- turns that a run that was away may catch up with
-- Of refill: so much arrives out of step with the grants; and calls' tokens are estimates.
local MARGIN_S = { requests = 0.1, input = 0.2, output = 0.2 }
local WARIEST = 4             -- the margin grows to so many times its length after refusals
local CALM_S = 30             -- and shrinks by its length in so long
local DRAG_MOST = 0.9         -- of the rate, taken off for other users of the key
local DRAG_FADES_S = 2
local OFFER_S = 0.1           -- a turn that its process does not take goes to the next
local AGE_S = 5               -- a class waits so long for each class above it ...
local AGED_EVERY = 20         -- ... and then gets one of so many permits
local SLACK = 5               -- turns by which who is here may be ahead of another process's
local POLL_S = 0.05           -- until a slot is free, or a turn was not taken
local ASK_AT_LEAST_S = 0.5    -- who waits is heard from so often
local WARM_S = 300            -- so long the provider keeps a prompt's beginning after its last use
local WARMING_S = 3           -- the first call with it has it ready by then, answered or not
local WARMING_POLL_S = 0.1
local QUANTILE = 0.7          -- of the outputs seen, reserved for the next call
local LEARNING = 0.1
local DEBT_MOST_S = 600       -- of refill: what is said to have been used may be a mistake
local QUEUE_MOST_S = 300      -- who waits is told to come back after so long at most
local NUMBER_MOST = 1e15      -- a larger one is none of ours

local report = cjson.decode(ARGV[1])
local now = report.now
if now == cjson.null or not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local state = {}
local flat = redis.call('HGETALL', GATE)
for i = 1, #flat, 2 do state[flat[i]] = flat[i + 1] end
local fresh = next(state) == nil
-- Whatever is stored, what comes of it is finite.
local function number(name, default)
  local value = tonumber(state[name])
  if not value or value ~= value or math.abs(value) > NUMBER_MOST then return default end
  return value
end

local closed_until = number('closed_until', 0)
if closed_until > now + report.closed_most then closed_until = 0 end
local closed_reason = state['closed_reason'] or ''
local closings = number('closings', 0)
local closed_at = number('closed_at', 0)
local wary = math.min(WARIEST, number('wary', 1)) - math.max(0, now - number('at', now)) / CALM_S
wary = math.max(1, wary)
local window = number('window', 0)
local eased_at = number('eased_at', 0)
local eased_from = number('eased_from', 0)

-- The buckets, refilled to now.
local since = number('at', now)
if since > now and closed_until <= now then since = now end
local elapsed = math.max(0, now - since)
local buckets = {}
for _, name in ipairs(DIMENSIONS) do
  local told = report.limits ~= cjson.null and report.limits and report.limits[name]
  if told then state['told_' .. name] = told[1] end
  local ceiling = report.ceilings[name]
  local allowed = number('told_' .. name, 0)
  if ceiling > 0 and (allowed <= 0 or ceiling < allowed) then allowed = ceiling end
  if allowed > 0 then
    local rate = allowed / 60
    local margin = rate * MARGIN_S[name] * wary
    local drag = math.max(0, math.min(number('drag_' .. name, 0), rate * DRAG_MOST))
    local full = math.max(1, rate * report.burst - margin)
    buckets[name] = {
      rate = rate, full = full, drag = drag, margin = margin, limit = allowed,
      level = math.min(full, number('level_' .. name, 0) + elapsed * (rate - drag)),
      least = -rate * DEBT_MOST_S,
    }
  end
end
local function charge(name, amount)
  local bucket = buckets[name]
  if bucket then
    bucket.level = math.max(bucket.least, math.min(bucket.full, bucket.level - amount))
  end
end

-- What calls really used: [reserved {r,i,o}, used {r,i,o}, raw input, kind, prefix, granted at, learn].
for _, call in ipairs(report.settled) do
  for i, name in ipairs(DIMENSIONS) do charge(name, call[2][i] - call[1][i]) end
  local used, kind, prefix = call[2], call[4], call[5]
  if call[7] then
    redis.call('ZADD', WARM, now + WARM_S, prefix)
    redis.call('ZREM', WARMING, prefix)
    local seen = number('ratio_' .. kind, nil)
    local ratio = used[2] / math.max(1, call[3])
    state['ratio_' .. kind] = seen and seen + LEARNING * (ratio - seen) or ratio
    local output = number('output_' .. kind, nil)
    if not output then
      output = used[3]
    elseif used[3] > output then
      output = output + LEARNING * QUANTILE * math.max(output, 1)
    else
      output = output - LEARNING * (1 - QUANTILE) * output
    end
    state['output_' .. kind] = output
    if call[6] > closed_at then closings = 0 end
    if window > 0 then
      window = window + 1 / window
      if window > 2 * eased_from then window = 0 end
    end
  end
end

-- The provider's own count, `age` seconds old: ours stays a margin below it. What it misses that
-- we did not take, others took; the rate makes room for them.
if report.limits ~= cjson.null and report.limits then
  local unheard_s = math.max(0.001, now - number('heard_at', now))
  for _, name in ipairs(DIMENSIONS) do
    local told, bucket = report.limits[name], buckets[name]
    if told and bucket then
      local theirs = told[2] + told[3] + (bucket.rate - bucket.drag) * report.limits.age
      local short = bucket.level + bucket.margin / 2 - theirs
      if short > 0 then
        bucket.level = bucket.level - short
        if short > told[3] then bucket.drag = math.min(bucket.rate * DRAG_MOST, bucket.drag + short) end
      else
        bucket.drag = bucket.drag * math.exp(-unheard_s / DRAG_FADES_S)
      end
    end
  end
  state['heard_at'] = now
end

-- A refusal: [seconds, reason, granted at, recalled at]. Those of one burst count as one in a row.
-- One that PostgreSQL remembers is out of date where somebody has set the gate since.
local refused = report.closed ~= cjson.null and report.closed
if refused and refused[4] > 0 and refused[4] <= number('set_at', 0) then refused = false end
if refused then
  if refused[3] > closed_at or fresh then
    closings = closings + 1
    wary = math.min(WARIEST, wary * 2)
    closed_at = now
  end
  local seconds = math.min(refused[1], report.closed_most)
  if now + seconds > closed_until then
    closed_until = now + seconds
    closed_reason = refused[2]
  end
end
local at = now
if closed_until > now then
  -- It opens with empty buckets: nobody stampedes.
  at = closed_until
  for _, bucket in pairs(buckets) do bucket.level = math.min(bucket.level, 0) end
end

local function queue_of(name)
  return { turns = QUEUES .. ':turns' .. name, places = QUEUES .. ':places' .. name }
end
local USERS = queue_of('')
local NOBODY = '-'           -- the user of runs that no person started
local function runs_of(user, class) return queue_of(':' .. user .. ':' .. class) end
local function keep(queue)
  redis.call('EXPIRE', queue.turns, KEPT_S)
  redis.call('EXPIRE', queue.places, KEPT_S)
end
local function head_of(queue)
  local head = redis.call('ZRANGE', queue.turns, 0, 0, 'WITHSCORES')
  return head[1], tonumber(head[2])
end
-- The queue's own place stands among those of its members, under no name.
local function place_of(queue)
  local _, first = head_of(queue)
  return tonumber(redis.call('ZSCORE', queue.places, '')) or first or 0
end
-- Its place in the queue, where it stands from now on if it did not.
local function stand(queue, member)
  local place = tonumber(redis.call('ZSCORE', queue.turns, member))
  if place then return place end
  local here = place_of(queue)
  place = tonumber(redis.call('ZSCORE', queue.places, member)) or here
  place = math.max(place, here - CREDIT)
  redis.call('ZADD', queue.turns, place, member)
  keep(queue)
  return place
end
local function step_out(queue, member, keeps_place)
  local place = redis.call('ZSCORE', queue.turns, member)
  if not place then return end
  if keeps_place then redis.call('ZADD', queue.places, place, member) end
  redis.call('ZREM', queue.turns, member)
  keep(queue)
end
local function move_on(queue, member, place, by)
  local here = math.max(place, place_of(queue))
  redis.call('ZADD', queue.places, here, '', place + by, member)
  redis.call('ZREMRANGEBYSCORE', queue.places, '-inf', '(' .. (here - CREDIT))
  redis.call('ZADD', queue.turns, place + by, member)
  keep(queue)
end

-- Take a run, and its user where it has no other, out of the queues.
local function leave_queues(user, class, run, keeps_place)
  step_out(runs_of(user, class), run, keeps_place)
  for each = 0, 2 do
    if head_of(runs_of(user, each)) then return end
  end
  step_out(USERS, user, keeps_place)
end

-- How many calls of a run, and of all of a user's runs of a class, wait.
local waiting = number('waiting', 0)
local function count_wants(user, class, run, count)
  waiting = waiting + count
  local class_of = user .. ':' .. class
  if redis.call('HINCRBY', WANTS, class_of, count) <= 0 then
    redis.call('HDEL', WANTS, class_of)
  end
  local left = redis.call('HINCRBY', WANTS, class_of .. ':' .. run, count)
  if left <= 0 then
    redis.call('HDEL', WANTS, class_of .. ':' .. run)
    leave_queues(user, class, run, false)
  end
  return left
end

-- Lines of processes that are gone, then the asking one's: [class, count, user] by run. A worker
-- from before there were users says none.
local function join(run, line)
  local left = count_wants(line[3], line[1], run, line[2])
  if left == line[2] then redis.call('ZADD', WAITED, 'NX', now, run) end
end
local function leave(run, line) count_wants(line[3] or NOBODY, line[1], run, -line[2]) end
local held = number('held', 0)
for _, process in ipairs(redis.call('ZRANGEBYSCORE', ALIVE, '-inf', now, 'LIMIT', 0, 4)) do
  local past = redis.call('HGET', LINES, process)
  if past and process ~= report.process then
    past = cjson.decode(past)
    for run, line in pairs(past.lines) do leave(run, line) end
    held = held - past.held
    redis.call('HDEL', LINES, process)
    redis.call('ZREM', ALIVE, process)
  end
end
redis.call('ZREMRANGEBYSCORE', WAITED, '-inf', now - WAITED_KEPT_S)
local past = redis.call('HGET', LINES, report.process)
past = past and cjson.decode(past) or { lines = {}, held = 0 }
held = math.max(0, held - past.held + report.held)
if report.overloaded > eased_at then
  eased_from = math.max(1, held)
  window = math.max(1, math.floor(held / 2))
  eased_at = now
end
local mine, users = {}, {}
local waiting_here = 0
for _, line in ipairs(report.lines) do
  local run, class, count, user = line[1], line[2], line[3], line[5] or NOBODY
  mine[run] = { class = class, count = count, heads = line[4], served = 0, user = user }
  users[user] = { weight = math.max(1, line[6] or 1) }
  waiting_here = waiting_here + count
  local now_here, before = { class, count, user }, past.lines[run]
  if before and (before[1] ~= class or before[3] ~= user) then
    leave(run, before)
    before = nil
  end
  if not before then
    join(run, now_here)
  elseif count ~= before[2] then
    count_wants(user, class, run, count - before[2])
  end
end
for run, line in pairs(past.lines) do
  if not mine[run] then leave(run, line) end
end

-- A prompt's beginning that the provider does not keep is sent by one call first: those after it
-- read it, at a tenth of the price and outside of the limit.
redis.call('ZREMRANGEBYSCORE', WARM, '-inf', now)
redis.call('ZREMRANGEBYSCORE', WARMING, '-inf', now)
local warm, warming = {}, {}
local function is_warm(want)
  local prefix = want[4]
  if warm[prefix] == nil then warm[prefix] = redis.call('ZSCORE', WARM, prefix) end
  return warm[prefix]
end
local function is_warming(want)
  local prefix = want[4]
  if warming[prefix] == nil then warming[prefix] = redis.call('ZSCORE', WARMING, prefix) end
  return warming[prefix]
end

-- What a want costs: [raw input, output cap, kind, prefix].
local function cost_of(want)
  local output = number('output_' .. want[3], nil)
  local ratio = number('ratio_' .. want[3], 1)
  if not is_warm(want) then ratio = math.max(1, ratio) end
  return {
    1,
    math.ceil(want[1] * ratio),
    output and math.min(want[2], math.ceil(output)) or want[2],
  }
end
local function wait_for(cost)
  local wait, reason = 0, ''
  for i, name in ipairs(DIMENSIONS) do
    local bucket = buckets[name]
    if bucket then
      local missing = math.min(cost[i], bucket.full) - bucket.level
      if missing > 1e-6 and missing / (bucket.rate - bucket.drag) > wait then
        wait, reason = missing / (bucket.rate - bucket.drag), 'permit-' .. name
      end
    end
  end
  return wait, reason
end
local function step_of(cost)
  local step = 0
  for i, name in ipairs(DIMENSIONS) do
    local bucket = buckets[name]
    if bucket then step = math.max(step, cost[i] / (bucket.rate - bucket.drag)) end
  end
  return step
end

local function take_turn(run, line)
  local user = users[line.user]
  move_on(USERS, line.user, user.place, 1 / user.weight)
  move_on(runs_of(line.user, line.class), run, line.place, 1)
  user.place, line.place = user.place + 1 / user.weight, line.place + 1
  redis.call('ZADD', WAITED, now, run)
  if count_wants(line.user, line.class, run, -1) <= 0 then redis.call('ZREM', WAITED, run) end
end

local slots = report.slots
if window > 0 and (slots == 0 or window < slots) then slots = math.floor(window) end
local granted, wait, reason, step = {}, 0, '', 0
local untold = false           -- of a run that may go on, no more sizes were told
local for_cache = false        -- a run here waits for its prompt's beginning
local function wait_for_cache(line, run)
  leave_queues(line.user, line.class, run, true)
  line.place, for_cache = nil, true
end

for run, line in pairs(mine) do
  if line.heads[1] and is_warming(line.heads[1]) then
    wait_for_cache(line, run)
  else
    users[line.user].place = stand(USERS, line.user)
    line.place = stand(runs_of(line.user, line.class), run)
  end
end

-- The asking process's run of a user's class that had the fewest turns.
local function first_of_mine(user, class)
  local best, least
  for run, line in pairs(mine) do
    if line.user == user and line.class == class and line.served < line.count then
      local want = line.heads[line.served + 1]
      if not want then
        untold = true
      elseif not line.place or is_warming(want) then
        wait_for_cache(line, run)
      elseif not least or line.place < least or (line.place == least and run < best) then
        best, least = run, line.place
      end
    end
  end
  return best, least
end

-- Permits since the user's last that went to a run for having waited.
local function unaged_of(user)
  return tonumber(redis.call('HGET', UNAGED, user) or 0) or 0
end

-- The user's run here that may go, and whether only because it has waited for so long.
local function next_of(user, anyway)
  local may_age = unaged_of(user) >= AGED_EVERY - 1
  for class = 2, 1, -1 do
    local run = may_age and first_of_mine(user, class)
    local waited = run and tonumber(redis.call('ZSCORE', WAITED, run)) or now
    if now - waited > AGE_S * class then return run, true end
  end
  for class = 0, 2 do
    local run, place = first_of_mine(user, class)
    local first, its_place = head_of(runs_of(user, class))
    if run and (anyway or place <= (its_place or place) + SLACK) then return run, false end
    if untold or (first and not anyway) then return nil end
  end
  return nil
end

-- The run of this process that may go: where others have the turn, only `anyway`.
local function next_here(anyway)
  untold = false
  local _, first = head_of(USERS)
  local order = {}
  for name, user in pairs(users) do
    if user.place and first then order[#order + 1] = name end
  end
  table.sort(order, function(one, two)
    if users[one].place == users[two].place then return one < two end
    return users[one].place < users[two].place
  end)
  for _, user in ipairs(order) do
    if not anyway and users[user].place > first + SLACK then return nil end
    local run, aged = next_of(user, anyway)
    if run or untold then return run, aged end
  end
  return nil
end

-- Whose process is silent stands behind, until it asks.
local function pass_over_the_first()
  local user = head_of(USERS)
  for class = 0, 2 do
    local run = head_of(runs_of(user, class))
    if run then return leave_queues(user, class, run, true) end
  end
  step_out(USERS, user, true)
end

local function next_run()
  local run, aged = next_here(false)
  if run or untold then return run, aged end
  run, aged = next_here(true)
  if not run then
    if for_cache and not untold then wait, reason = WARMING_POLL_S, 'cache' end
    return nil
  end
  -- Another process has the turn. Nobody goes before it, for a moment.
  local offered, due = number('offered', 0), wait_for({ 1, 0, 0 })
  if offered > 0 and now - offered >= OFFER_S then
    pass_over_the_first()
    return run, aged
  end
  if offered == 0 and due == 0 then state['offered'] = now end
  wait, reason = math.max(POLL_S, due), 'turn'
  return nil
end

local function grant_one()
  wait, reason = 0, ''
  if closed_until > now then
    wait, reason = closed_until - now, 'gate-closed'
    return false
  end
  if slots > 0 and held >= slots then
    wait, reason = POLL_S, 'permit-concurrency'
    return false
  end
  local run, aged = next_run()
  if not run then return false end
  local line = mine[run]
  local want = line.heads[line.served + 1]
  local cost = cost_of(want)
  step = step_of(cost)
  wait, reason = wait_for(cost)
  if wait > 0 then return false end
  for i, name in ipairs(DIMENSIONS) do charge(name, cost[i]) end
  if not is_warm(want) then
    redis.call('ZADD', WARM, now + WARM_S, want[4])
    redis.call('ZADD', WARMING, now + WARMING_S, want[4])
    warm[want[4]], warming[want[4]] = true, true
  end
  line.served = line.served + 1
  held = held + 1
  redis.call('HSET', UNAGED, line.user, aged and 0 or unaged_of(line.user) + 1)
  state['offered'] = 0
  granted[#granted + 1] = { run, cost }
  take_turn(run, line)
  return true
end
local left = waiting_here
if fresh then
  -- Whoever asks looks first whether the gate was closed before Redis lost it.
  wait, reason = POLL_S, 'permit-requests'
else
  while left > 0 and grant_one() do left = left - 1 end
end

-- When to ask again: processes of a class take turns, so that each permit is asked for once.
local processes = redis.call('ZCARD', ALIVE)
if left > 0 then
  if closed_until <= now then
    local class = 2
    for _, line in pairs(mine) do
      if line.served < line.count then class = math.min(class, line.class) end
    end
    local pace = math.min(math.max(step, 0.002), ASK_AT_LEAST_S)
    if processes > 1 then
      local due = math.max(now + wait, number('ask_' .. class, 0))
      due = math.min(due, now + wait + processes * pace)
      state['ask_' .. class] = due + pace
      wait = due - now
    end
    wait = math.min(wait, ASK_AT_LEAST_S)
  end
else
  wait, reason = 0, ''
end

-- How long all that goes before a run's last call takes: its user's calls of no lower class, and
-- as many of each other user.
local in_line = math.max(1, redis.call('ZCARD', USERS.turns))
local function queue_s(line)
  local before = 0
  for class = 0, line.class do
    before = before + tonumber(redis.call('HGET', WANTS, line.user .. ':' .. class) or 0)
  end
  return math.min(math.min(before * in_line, waiting) * step, QUEUE_MOST_S)
end
local lines, queues, remains = {}, {}, false
for run, line in pairs(mine) do
  if line.served < line.count then
    lines[run] = { line.class, line.count - line.served, line.user }
    queues[run] = queue_s(line)
    remains = true
  end
end
local holding = report.held + #granted
if remains or holding > 0 then
  redis.call('HSET', LINES, report.process,
    cjson.encode({ lines = remains and lines or {}, held = holding }))
  redis.call('ZADD', ALIVE, now + report.lease, report.process)
else
  redis.call('HDEL', LINES, report.process)
  redis.call('ZREM', ALIVE, report.process)
end

for name, bucket in pairs(buckets) do
  state['level_' .. name] = bucket.level
  state['drag_' .. name] = bucket.drag
  state['limit_' .. name] = bucket.limit
  state['full_' .. name] = bucket.full
end
state['at'] = at
state['closed_until'] = closed_until
state['closed_reason'] = closed_reason
state['closed_at'] = closed_at
state['closings'] = closings
state['wary'] = wary
state['window'] = window
state['eased_at'] = eased_at
state['eased_from'] = eased_from
state['held'] = held
state['waiting'] = waiting
local written = {}
for name, value in pairs(state) do
  written[#written + 1] = name
  written[#written + 1] = type(value) == 'number' and string.format('%.17g', value) or value
end
redis.call('HSET', GATE, unpack(written))
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, KEPT_S) end

return cjson.encode({
  granted = #granted > 0 and granted or nil,
  now = string.format('%.6f', now),
  wait = wait,
  reason = reason,
  queues = remains and queues or nil,
  closings = closings,
  fresh = fresh,
})

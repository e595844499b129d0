-- Grant what may be granted, and say when to ask again.

local slots, granted, step = report.slots, {}, 0
if window > 0 and (slots == 0 or window < slots) then slots = math.floor(window) end

local function grant_one()
  wait, reason = 0, ''
  if is_closed then
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
  local request = line.sizes[line.served + 1]
  local cost = cost_of(request)
  step = refill_s(cost)
  wait, reason = wait_for(cost)
  if wait > 0 then return false end
  for name, amount in pairs(cost) do charge(name, amount) end
  warm_up(request)
  line.served, held = line.served + 1, held + 1
  granted[#granted + 1] = { run = run, amounts = cost }
  take_turn(run, line, aged)
  return true
end

if fresh then
  -- Whoever asks looks first whether the gate was closed before Redis lost it.
  wait, reason = POLL_S, 'permit-requests'
else
  while left > 0 and grant_one() do left = left - 1 end
end

-- Processes whose best rank is the same take turns, so that each permit is asked for once.
local function ask_again()
  local rank = 2
  for _, line in pairs(mine) do
    if line.served < line.count then rank = math.min(rank, line.rank) end
  end
  local pace = math.min(math.max(step, 0.002), ASK_AT_LEAST_S)
  if processes > 1 then
    local due = math.max(now + wait, number('ask_' .. rank, 0))
    due = math.min(due, now + wait + processes * pace)
    state['ask_' .. rank] = due + pace
    wait = due - now
  end
  wait = math.min(wait, ASK_AT_LEAST_S)
end
if left == 0 then
  wait, reason = 0, ''
elseif not is_closed then
  ask_again()
end

-- How long all that goes before a run's last request takes: its user's of no lower rank, and as
-- many of each other user.
local function queues_s()
  local in_line, waiting, of_queue, found = 0, 0, {}, {}
  for _ in pairs(USERS.standing) do in_line = in_line + 1 end
  for _, queue in pairs(queues) do
    of_queue[queue] = waiting_in(queue)
    waiting = waiting + of_queue[queue]
  end
  for run, line in pairs(mine) do
    if line.served < line.count then
      local before = 0
      for rank = 0, line.rank do before = before + (of_queue[runs_of(line.user, rank)] or 0) end
      before = math.min(before * math.max(1, in_line), waiting)
      found[run] = math.min(before * step, QUEUE_MOST_S)
    end
  end
  return found
end

local queued_s = queues_s()
store_process(report.held + #granted)
store_buckets()
store_closing()
tidy_queues()
state.held = held
save()
return cjson.encode({
  granted = #granted > 0 and granted or nil,
  now = string.format('%.6f', now),
  wait_s = wait,
  reason = reason,
  queues_s = queued_s,
  refusals = number('refusals', 0),
  fresh = fresh,
})

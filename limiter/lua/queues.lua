-- Fairness. Users stand in one queue, and a user's runs of a rank in another. A turn moves a place
-- on by one (a user's by 1 / weight); a queue's own place is that of its last turn. Who comes
-- starts there, and who was away is behind it by what it missed, up to CREDIT. Who cannot take its
-- turn, because its calls wait for the cache or its process is silent, does not stand meanwhile.
--
-- The state's `queues` is {'' (of users) or USER:R: {here: its own place, standing: {member: place},
-- left: {member: place}, where each was after its last turn or when it stepped out, waiting: {run:
-- requests, of all processes}, at: when it was last used}}; `waited` is {run: since when it has
-- waited for a permit}; `unaged` {user: permits since one went to a run for having waited}.

local queues, waited, unaged = object(state.queues), object(state.waited), object(state.unaged)
for name, queue in pairs(queues) do
  local is_empty = not (next(queue.standing) or next(queue.waiting))
  if is_empty and now - queue.at > QUEUE_KEPT_S then queues[name] = nil end
end
for run, since in pairs(waited) do
  if since < now - WAITED_KEPT_S then waited[run] = nil end
end
state.queues, state.waited, state.unaged = queues, waited, unaged

local function queue_of(name)
  queues[name] = queues[name] or { standing = {}, left = {}, waiting = {} }
  queues[name].at = now
  return queues[name]
end
local function runs_of(user, rank) return queue_of(user .. ':' .. rank) end
local USERS = queue_of('')

-- Who goes first, and its place. Of equal ones the first by name.
local function head_of(queue)
  local head, least
  for member, place in pairs(queue.standing) do
    if not least or place < least or (place == least and member < head) then
      head, least = member, place
    end
  end
  return head, least
end
local function place_of(queue)
  if queue.here then return queue.here end
  local _, first = head_of(queue)
  return first or 0
end

local function stand(queue, member)
  if queue.standing[member] then return end
  local here = place_of(queue)
  queue.standing[member] = math.max(queue.left[member] or here, here - CREDIT)
end
local function step_out(queue, member, keeps_place)
  if keeps_place then queue.left[member] = queue.standing[member] or queue.left[member] end
  queue.standing[member] = nil
end
local function move_on(queue, member, by)
  local place = queue.standing[member]
  queue.here = math.max(place, place_of(queue))
  queue.standing[member], queue.left[member] = place + by, place + by
  for name, its_place in pairs(queue.left) do
    if its_place < queue.here - CREDIT then queue.left[name] = nil end
  end
end

-- Take a run, and its user where it has no other, out of the queues.
local function leave_queues(user, rank, run, keeps_place)
  step_out(runs_of(user, rank), run, keeps_place)
  for each = 0, 2 do
    if next(runs_of(user, each).standing) then return end
  end
  step_out(USERS, user, keeps_place)
end

-- So many more requests of a run wait, or fewer; how many do.
local function count_waiting(user, rank, run, more)
  local waiting = runs_of(user, rank).waiting
  local left = (waiting[run] or 0) + more
  waiting[run] = left > 0 and left or nil
  if left <= 0 then leave_queues(user, rank, run, false) end
  return left
end
local function waiting_in(queue)
  local sum = 0
  for _, count in pairs(queue.waiting) do sum = sum + count end
  return sum
end

local function tidy_queues()
  for name, queue in pairs(queues) do
    if not (queue.here or next(queue.standing) or next(queue.left) or next(queue.waiting)) then
      queues[name] = nil
    end
  end
  for user in pairs(unaged) do
    if not (USERS.standing[user] or USERS.left[user]) then unaged[user] = nil end
  end
end

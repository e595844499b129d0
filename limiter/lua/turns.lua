-- Whose turn it is: the user that had the fewest turns for its weight; of its runs those of the
-- first rank, and of these the one that had the fewest turns, whichever process asks.

local wait, reason = 0, ''
local unsized = false          -- of a run that may go on, no more sizes were told
local for_cache = false        -- a run here waits for its prompt's beginning
local function wait_for_cache(line, run)
  leave_queues(line.user, line.rank, run, true)
  for_cache = true
end

for run, line in pairs(mine) do
  if line.sizes[1] and is_warming(line.sizes[1]) then
    wait_for_cache(line, run)
  else
    stand(USERS, line.user)
    stand(runs_of(line.user, line.rank), run)
  end
end

-- The asking process's run of a user's rank that had the fewest turns, and its place.
local function first_of_mine(user, rank)
  local best, least
  local standing = runs_of(user, rank).standing
  for run, line in pairs(mine) do
    if line.user == user and line.rank == rank and line.served < line.count then
      local request, place = line.sizes[line.served + 1], standing[run]
      if not request then
        unsized = true
      elseif not place or is_warming(request) then
        wait_for_cache(line, run)
      elseif not least or place < least or (place == least and run < best) then
        best, least = run, place
      end
    end
  end
  return best, least
end

-- The user's run here that may go, and whether only because it has waited for so long.
local function next_of(user, anyway)
  local may_age = (unaged[user] or 0) >= AGED_EVERY - 1
  for rank = 2, 1, -1 do
    local run = may_age and first_of_mine(user, rank)
    if run and now - (waited[run] or now) > AGE_S * rank then return run, true end
  end
  for rank = 0, 2 do
    local run, place = first_of_mine(user, rank)
    local first, its_place = head_of(runs_of(user, rank))
    if run and (anyway or place <= (its_place or place) + SLACK) then return run, false end
    if unsized or (first and not anyway) then return nil end
  end
  return nil
end

-- The run of this process that may go: where others have the turn, only `anyway`.
local function next_here(anyway)
  unsized = false
  local order, standing = {}, USERS.standing
  local _, first = head_of(USERS)
  for user in pairs(users) do
    if standing[user] then order[#order + 1] = user end
  end
  table.sort(order, function(one, two)
    if standing[one] == standing[two] then return one < two end
    return standing[one] < standing[two]
  end)
  for _, user in ipairs(order) do
    if not anyway and (standing[user] or 0) > first + SLACK then return nil end
    local run, aged = next_of(user, anyway)
    if run or unsized then return run, aged end
  end
  return nil
end

-- Whose process is silent stands behind, until it asks.
local function pass_over_the_first()
  local user = head_of(USERS)
  for rank = 0, 2 do
    local run = head_of(runs_of(user, rank))
    if run then return leave_queues(user, rank, run, true) end
  end
  step_out(USERS, user, true)
end

local function next_run()
  local run, aged = next_here(false)
  if run or unsized then return run, aged end
  run, aged = next_here(true)
  if not run then
    if for_cache and not unsized then wait, reason = WARMING_POLL_S, 'cache' end
    return nil
  end
  -- Another process has the turn. Nobody goes before it, for a moment.
  local offered, due = number('offered', 0), wait_for({ requests = 1, input = 0, output = 0 })
  if offered > 0 and now - offered >= OFFER_S then
    pass_over_the_first()
    return run, aged
  end
  if offered == 0 and due == 0 then state.offered = now end
  wait, reason = math.max(POLL_S, due), 'turn'
  return nil
end

local function take_turn(run, line, aged)
  state.offered = 0
  unaged[line.user] = aged and 0 or (unaged[line.user] or 0) + 1
  move_on(USERS, line.user, 1 / users[line.user].weight)
  move_on(runs_of(line.user, line.rank), run, 1)
  waited[run] = now
  if count_waiting(line.user, line.rank, run, -1) <= 0 then waited[run] = nil end
end

-- Buckets. Each holds `burst_s` seconds of refill less a margin, so that it runs dry before the
-- provider's. What is missing counts as empty.

local caution = math.min(MOST_CAUTION, number('caution', 1))
caution = math.max(1, caution - math.max(0, now - number('at', now)) / CALM_S)

-- Refilled to now.
local since = number('at', now)
if since > now and closed_until <= now then since = now end
local elapsed = math.max(0, now - since)
local limits = report.limits or {}
local buckets = {}
for _, name in ipairs(DIMENSIONS) do
  if limits[name] then state['told_' .. name] = limits[name].limit end
  local ceiling = report.ceilings[name]
  local allowed = number('told_' .. name, 0)
  if ceiling > 0 and (allowed <= 0 or ceiling < allowed) then allowed = ceiling end
  if allowed > 0 then
    local rate = allowed / 60
    local margin_s = MARGIN_S[name]
    if name == 'requests' then
      local behind = math.max(0, rate * report.burst_s - AT_ONCE)
      margin_s = margin_s + math.min(margin_s, behind * BEGIN_S)
    end
    local margin = rate * margin_s * caution
    local drag = math.max(0, math.min(number('drag_' .. name, 0), rate * DRAG_MOST))
    local full = math.max(1, rate * report.burst_s - margin)
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

-- The provider's own count, some seconds old: ours stays a margin below it. What it misses that we
-- did not take, others took; the rate makes room for them.
local function hear_what_is_left()
  local unheard_s = math.max(0.001, now - number('heard_at', now))
  for name, bucket in pairs(buckets) do
    local told = limits[name]
    if told then
      local refilled = (bucket.rate - bucket.drag) * report.limits_age_s
      local theirs = told.remaining + told.rounded_to + refilled
      local short = bucket.level + bucket.margin / 2 - theirs
      if short > 0 then
        bucket.level = bucket.level - short
        if short > told.rounded_to then
          bucket.drag = math.min(bucket.rate * DRAG_MOST, bucket.drag + short)
        end
      else
        bucket.drag = bucket.drag * math.exp(-unheard_s / DRAG_FADES_S)
      end
    end
  end
  state.heard_at = now
end

-- How long until the buckets hold a cost, and what is waited for.
local function wait_for(cost)
  local wait, reason = 0, ''
  for _, name in ipairs(DIMENSIONS) do
    local bucket = buckets[name]
    if bucket then
      local missing = math.min(cost[name], bucket.full) - bucket.level
      local needs = missing / (bucket.rate - bucket.drag)
      if missing > 1e-6 and needs > wait then wait, reason = needs, 'permit-' .. name end
    end
  end
  return wait, reason
end
-- How long it takes them to refill it.
local function refill_s(cost)
  local longest = 0
  for name, bucket in pairs(buckets) do
    longest = math.max(longest, cost[name] / (bucket.rate - bucket.drag))
  end
  return longest
end

local function store_buckets()
  for name, bucket in pairs(buckets) do
    for _, part in ipairs({ 'level', 'drag', 'limit', 'full' }) do
      state[part .. '_' .. name] = bucket[part]
    end
  end
end

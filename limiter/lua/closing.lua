-- Refusals (429) close the gate; overloads (529) let fewer calls be made at a time; what calls
-- really took teaches what the next ones will.

local closed_at = number('closed_at', 0)
local window, window_from = number('window', 0), number('window_from', 0)
local overloaded_at = number('overloaded_at', 0)

local function learn(call)
  local ratio = 'ratio_' .. call.size_key
  local seen, counted = number(ratio), call.used.input / math.max(1, call.input_tokens)
  state[ratio] = seen and seen + LEARNING * (counted - seen) or counted
  local name, used = 'output_' .. call.size_key, call.used.output
  local output = number(name)
  if not output then
    output = used
  elseif used > output then
    output = output + LEARNING * QUANTILE * math.max(output, 1)
  else
    output = output - LEARNING * (1 - QUANTILE) * output
  end
  state[name] = output
end

local function settle(call)
  for _, name in ipairs(DIMENSIONS) do charge(name, call.used[name] - call.reserved[name]) end
  if not call.learn then return end
  learn(call)
  if call.at > closed_at then state.refusals = 0 end
  if window > 0 then
    window = window + 1 / window
    if window > 2 * window_from then window = 0 end
  end
end

-- Refusals of one burst count as one in a row. A closing that PostgreSQL remembers is out of date
-- where somebody has set the gate since.
local function close(closing)
  local recalled_at = closing.recalled_at
  if recalled_at > 0 and recalled_at <= number('set_at', 0) then return end
  if closing.granted_at > closed_at or fresh then
    state.refusals = number('refusals', 0) + 1
    caution = math.min(MOST_CAUTION, caution * 2)
    closed_at = now
  end
  local seconds = math.min(closing.seconds, report.closed_most_s)
  if now + seconds > closed_until then
    closed_until, state.closed_reason = now + seconds, closing.reason
  end
end

local function ease(held)
  if report.overloaded_at <= overloaded_at then return end
  window_from, overloaded_at = math.max(1, held), now
  window = math.max(1, math.floor(held / 2))
end

for _, call in ipairs(report.settled) do settle(call) end
if report.limits then hear_what_is_left() end
if report.closing then close(report.closing) end
local is_closed = closed_until > now
if is_closed then
  -- It opens with empty buckets: nobody stampedes.
  for _, bucket in pairs(buckets) do bucket.level = math.min(bucket.level, 0) end
end

local function store_closing()
  state.at = is_closed and closed_until or now
  state.closed_until, state.closed_at = closed_until, closed_at
  state.closed_reason = state.closed_reason or ''
  state.refusals, state.caution = number('refusals', 0), caution
  state.window, state.window_from, state.overloaded_at = window, window_from, overloaded_at
end

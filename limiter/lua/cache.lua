-- A prompt's beginning that the provider does not keep is sent by one call first: those after it
-- read it, at a tenth of the price and outside of the limit.
--
-- The state's `caches` is {cache key: {warm: until when it is kept, warming: until when others
-- wait for the first call; 0: they do not}}.

local caches = object(state.caches)
for key, cache in pairs(caches) do
  if type(cache) ~= 'table' or not (cache.warm > now) then caches[key] = nil end
end
for _, call in ipairs(report.settled) do
  local cache = caches[call.cache_key]
  if call.learn then
    caches[call.cache_key] = { warm = now + WARM_S, warming = 0 }
  elseif cache and cache.warming > now and call.used.input == 0 then
    caches[call.cache_key] = nil  -- it failed, or was not made: the next goes first
  end
end
state.caches = caches

local function is_warm(request) return caches[request.cache_key] ~= nil end
local function is_warming(request)
  local cache = caches[request.cache_key]
  return cache ~= nil and cache.warming > now
end
local function warm_up(request)
  if is_warm(request) then return end
  caches[request.cache_key] = { warm = now + WARM_S, warming = now + WARMING_S }
end

-- What a request is going to take, by what its like took.
local function cost_of(request)
  local output, ratio = number('output_' .. request.size_key), number('ratio_' .. request.size_key, 1)
  if not is_warm(request) then ratio = math.max(1, ratio) end
  return {
    requests = 1,
    input = math.ceil(request.input_tokens * ratio),
    output = output and math.min(request.output_cap, math.ceil(output)) or request.output_cap,
  }
end

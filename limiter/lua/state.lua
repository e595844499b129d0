-- The report, the time, and the gate's state: read as a whole, and written as far as it changed.

local report = cjson.decode(ARGV[1])
local now = report.now
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local stored, state = {}, {}
local flat = redis.call('HGETALL', STATE)
for i = 1, #flat, 2 do
  stored[flat[i]], state[flat[i]] = flat[i + 1], flat[i + 1]
end
local fresh = next(stored) == nil

-- Whatever is stored, what comes of it is finite, and of the right shape.
local function number(name, default)
  local value = tonumber(state[name])
  if not value or value ~= value or math.abs(value) > NUMBER_MOST then return default end
  return value
end
local function object(text)
  local read, value = pcall(cjson.decode, text or '')
  return read and type(value) == 'table' and value or {}
end

local function exact(value) return string.format('%.17g', value) end
if not number('born') then state.born = exact(now) end

local closed_until = number('closed_until', 0)
if closed_until > now + report.closed_most_s then closed_until = 0 end

local function save()
  local written = {}
  for name, value in pairs(state) do
    local text = value
    if type(value) == 'number' then text = exact(value) end
    if type(value) == 'table' then text = cjson.encode(value) end
    if text ~= stored[name] then
      written[#written + 1] = name
      written[#written + 1] = text
    end
  end
  if #written > 0 then redis.call('HSET', STATE, unpack(written)) end
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, KEPT_S) end
end

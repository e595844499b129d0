-- set_closing(KEYS = {gate}, ARGV = {seconds, reason})
--
-- Closes a gate of limiter/lua/ for so many seconds from now, or opens it (0), by
-- hand. `set_at` lets the gate know a closing that somebody recalled from PostgreSQL before that.
--
-- Returns 0 where Redis does not know the gate: who asks first looks into PostgreSQL then.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local seconds = tonumber(ARGV[1])
local function written(number) return string.format('%.17g', number) end
redis.call('HSET', KEYS[1], 'set_at', written(now), 'closed_reason', ARGV[2],
  'closed_until', seconds > 0 and written(now + seconds) or '0')
if seconds == 0 then redis.call('HSET', KEYS[1], 'refusals', '0', 'at', written(now)) end
return 1

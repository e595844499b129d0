-- publish(KEYS = {stream}, ARGV = {expected, kept, ttl_s, cursor, name, data, key, name, …})
--
-- $prefix:live:{run}
--   A stream of {e: name, d: data, k: key}; the last entry of each call also has {c: cursor}: what of
--   PostgreSQL the stream has told up to there.
--
-- Appends the events, unless the stream's last id is not `expected` ("" for no stream): then
-- somebody else has told the same changes, or the stream was lost.
-- Returns the new ids, or false when nothing was appended.
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if (last[1] and last[1][1] or '') ~= ARGV[1] then
    return false
end
local ids = {}
for i = 5, #ARGV, 3 do
    local entry = {'e', ARGV[i], 'd', ARGV[i + 1], 'k', ARGV[i + 2]}
    if i + 2 == #ARGV then
        entry[7], entry[8] = 'c', ARGV[4]
    end
    ids[#ids + 1] = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(entry))
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return ids

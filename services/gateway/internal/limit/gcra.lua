-- One more of KEYS[1], of which one may come every ARGV[1] microseconds and ARGV[2] at once.
-- Gives the microseconds to wait where that is too many, else 0.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local through = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + interval
local wait = through - now - burst * interval
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', through), 'PX', math.ceil((through - now) / 1000))
return 0

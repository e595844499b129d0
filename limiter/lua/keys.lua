-- A gate: one provider account and one pool of models, for all workers. Who may call now, and when
-- do the others ask again?
--
-- Parts of one script, joined by limiter/gate.py in this order: keys, state, buckets, closing,
-- cache, queues, processes, turns, main. It is atomic and goes by the server's clock. Amounts are
-- requests or tokens, times are seconds. ARGV[1] is a report as JSON, the answer grants as JSON:
-- limiter/gate.py names their fields.
--
-- KEYS, all of them in one slot of a cluster; each may be lost, and what is missing counts as used.
--
-- [1] state, a hash. D is each of requests, input, output; S a size key; R a rank: 0 HIGH, 1 NORMAL,
--     2 LOW.
--       born             when Redis first heard of the gate, or lost a part of it: what processes
--                        said before does not count
--       at               up to when the buckets are refilled; to come while the gate is closed
--       level_D          what the bucket holds; less than 0 is a debt
--       limit_D, full_D  what is allowed a minute, and the most that the bucket holds; for readers
--       told_D           what the provider last said that it allows a minute
--       drag_D           what others take of the key, a second
--       heard_at         when the provider last said what is left
--       caution          by how much the margin has grown, from 1 to MOST_CAUTION
--       closed_until, closed_reason, closed_at   the last closing, and when a refusal made it
--       set_at           when somebody closed or opened the gate by hand (set_closing.lua)
--       refusals         in a row
--       window, window_from, overloaded_at   calls at a time since the last overload (0: any
--                        number), what they were then, and when that was
--       held             reservations that are not settled, of all processes
--       offered          since when a turn is another process's; 0: it is not
--       ask_R            when the next process whose first waiting request has rank R is to ask
--       ratio_S          input tokens as the provider counts them, by those estimated
--       output_S         output tokens: of QUANTILE of the answers no more
--       caches           JSON, see cache.lua
--       queues, waited, unaged   JSON, see queues.lua
-- [2] processes, a hash: process -> JSON {born, held, runs: {run: {user, rank, count}}}, what each
--     said last
-- [3] leases, a sorted set: process -> until when it counts without another word

local STATE, PROCESSES, LEASES = KEYS[1], KEYS[2], KEYS[3]
local DIMENSIONS = { 'requests', 'input', 'output' }

local KEPT_S = 86400          -- a gate that nobody asked for so long is forgotten
local NUMBER_MOST = 1e15      -- a larger number is none of ours

-- Buckets. Of refill: so much arrives out of step with the grants; and calls' tokens are estimates.
local MARGIN_S = { requests = 0.1, input = 0.2, output = 0.2 }
local AT_ONCE = 50            -- of a full bucket's calls more than these begin one after the other,
local BEGIN_S = 0.001         -- each so much later, while ours refills and the provider's is full
local MOST_CAUTION = 4        -- the margin grows to so many times its length after refusals
local CALM_S = 30             -- and shrinks by its length in so long
local DRAG_MOST = 0.9         -- of the rate, taken off for other users of the key
local DRAG_FADES_S = 2
local DEBT_MOST_S = 600       -- of refill: what is said to have been used may be a mistake
local QUANTILE = 0.7          -- of the outputs seen, reserved for the next call
local LEARNING = 0.1

-- The provider's cache.
local WARM_S = 300            -- so long it keeps a prompt's beginning after its last use
local WARMING_S = 3           -- the first call with it has it ready by then, if it does not fail
local WARMING_POLL_S = 0.1

-- Turns.
local CREDIT = 10             -- turns that who was away may catch up with
local SLACK = 5               -- turns by which who is here may be ahead of another process's
local OFFER_S = 0.1           -- a turn that its process does not take goes to the next
local AGE_S = 5               -- a rank waits so long for each rank above it ...
local AGED_EVERY = 20         -- ... and then gets one of so many of its user's permits
local WAITED_KEPT_S = 3600    -- so long it counts since when a run that left has waited
local QUEUE_KEPT_S = 600      -- so long it counts where those stood that left a queue

-- When to ask again.
local POLL_S = 0.05           -- until a slot is free, or a turn was not taken
local ASK_AT_LEAST_S = 0.5    -- who waits is heard from so often
local QUEUE_MOST_S = 300      -- who waits is told to come back after so long at most

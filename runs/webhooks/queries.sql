-- deliveries_claim --
-- Take what is due, up to so many, for a lease. Of each hook and ordering key only the first that is
-- pending can be taken, and only once nobody has it: that keeps the order of a run. Hops from one key
-- to the next by the index, so thousands that wait behind a first one cost nothing. The caller has
-- the lock of all claims, so that the bounds hold; a row that is being noted is left for later.
WITH RECURSIVE head AS (
    (
        SELECT hook_id, ordering_key, id, type, due_at, leased_until
        FROM webhooks_delivery
        WHERE status = 'PENDING'
        ORDER BY hook_id, ordering_key, id
        LIMIT 1
    )
    UNION ALL
    SELECT following.*
    FROM head, LATERAL (
        SELECT hook_id, ordering_key, id, type, due_at, leased_until
        FROM webhooks_delivery
        WHERE status = 'PENDING'
          AND (hook_id, ordering_key) > (head.hook_id, head.ordering_key)
        ORDER BY hook_id, ordering_key, id
        LIMIT 1
    ) following
), leased AS (
    SELECT hook_id, count(*) AS deliveries
    FROM webhooks_delivery
    WHERE leased_until > clock_timestamp()
    GROUP BY hook_id
), due AS (
    SELECT head.id, head.due_at,
           COALESCE(leased.deliveries, 0)
               + row_number() OVER (PARTITION BY head.hook_id ORDER BY head.due_at, head.id) AS place
    FROM head
    JOIN webhooks_webhook hook ON hook.id = head.hook_id
    LEFT JOIN leased ON leased.hook_id = head.hook_id
    WHERE head.due_at <= clock_timestamp()
      AND (head.leased_until IS NULL OR head.leased_until <= clock_timestamp())
      -- A hook that is off can be tried by hand.
      AND (hook.active OR head.type = 'webhook.test')
), chosen AS (
    SELECT id
    FROM due
    WHERE place <= %(of_hook)s
    ORDER BY due_at, id
    LIMIT LEAST(
        %(room)s,
        GREATEST(0, %(of_all)s - (SELECT COALESCE(sum(deliveries), 0) FROM leased))
    )
), taken AS (
    SELECT delivery.id
    FROM webhooks_delivery delivery
    JOIN chosen ON chosen.id = delivery.id
    WHERE delivery.status = 'PENDING'
      AND (delivery.leased_until IS NULL OR delivery.leased_until <= clock_timestamp())
    FOR UPDATE OF delivery SKIP LOCKED
)
UPDATE webhooks_delivery delivery
SET attempts = attempts + 1,
    leased_until = clock_timestamp() + %(lease_s)s * interval '1 second',
    first_tried_at = COALESCE(first_tried_at, clock_timestamp())
FROM taken
WHERE delivery.id = taken.id
RETURNING delivery.id

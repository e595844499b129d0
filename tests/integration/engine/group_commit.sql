-- divide --
-- 100 by a number; waits for whoever has the number.
SELECT 100 / %(number)s::int AS quotient
FROM pg_advisory_xact_lock(%(number)s::int);

-- divide_all --
-- The same for several; fails where somebody has one of them.
SELECT 100 / (CASE WHEN pg_try_advisory_xact_lock(number) THEN number ELSE 0 END) AS quotient
FROM unnest(%(numbers)s::int[]) WITH ORDINALITY AS given (number, place)
ORDER BY place;

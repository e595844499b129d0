-- plan --
-- The projects, and the runs over the first or some epics of one. Everything else follows from
-- these: 111 projects with 40,000 epics and 1,000,000 stories, 1,000 runs with 100,268 epics. The
-- first project is the large one, the first two runs and the half of all runs are its own.
CREATE TEMP TABLE project_plan AS
SELECT number, uuidv7() AS id,
       CASE WHEN number = 1 THEN 10000 WHEN number <= 11 THEN 2000 ELSE 100 END / %(share)s AS epics,
       CASE WHEN number <= 11 THEN 30 ELSE 10 END AS stories,
       now() - interval '400 days' + number * interval '1 day' AS at
FROM generate_series(1, 111) number;

CREATE TEMP TABLE run_plan AS
SELECT plan.number, uuidv7() AS id, project.id AS project_id, LEAST(plan.epics, project.epics) AS epics,
       plan.status, plan.at, plan.first %% GREATEST(project.epics - plan.epics, 1) AS skipped
FROM (
    SELECT number,
           CASE WHEN number <= 2 OR number > 500 THEN 1 WHEN number <= 12 THEN number - 1 ELSE 12 + number %% 100 END AS place,
           CASE WHEN number <= 2 THEN 10000 WHEN number <= 12 THEN 2000 ELSE 61 END / %(share)s AS epics,
           CASE WHEN number <= 12 THEN 0 ELSE number * 61 END AS first,
           CASE WHEN number BETWEEN 2 AND 7 THEN 'RUNNING' WHEN number BETWEEN 8 AND 12 THEN 'PAUSED'
                WHEN number %% 2 = 1 THEN 'COMPLETED_WITH_ERRORS' ELSE 'SUCCEEDED' END AS status,
           CASE WHEN number BETWEEN 2 AND 12 THEN now() - interval '50 minutes'
                ELSE now() - interval '390 days' + number * interval '9 hours' END AS at
    FROM generate_series(1, 1000) number
) plan
JOIN project_plan project ON project.number = plan.place

-- projects --
-- With 200 members in each of the first sixty.
INSERT INTO epics_project (id, name, code, description, context, language, source, created_at,
                           updated_at, version, created_by_id)
SELECT id, 'Product ' || number, 'P' || number, repeat('What the shop sells and to whom. ', 20),
       repeat('Orders come by phone and by post; the stock is counted on Fridays. ', 40),
       'English', '', at, at, 1, (SELECT MIN(id) FROM auth_user)
FROM project_plan;

INSERT INTO epics_membership (id, role, user_id, project_id)
SELECT uuidv7(), CASE WHEN person.id %% 3 = 0 THEN 'owner' ELSE 'editor' END, person.id, project.id
FROM project_plan project CROSS JOIN auth_user person
WHERE project.number <= 60

-- backlog --
-- Two cards for each epic, and five places in it.
INSERT INTO epics_card (id, code, "order", title, persona, statement, problem, systems, version,
                        project_id)
SELECT uuidv7(), 'C' || n, n, 'See report ' || n, 'Analyst ' || n %% 40,
       'As an analyst, I want to see report ' || n || ' of my area, so that I can decide in time.',
       'Today somebody copies report ' || n || ' by hand.', ARRAY['Reports', 'Stock'], 1, project.id
FROM project_plan project CROSS JOIN LATERAL generate_series(1, 2 * project.epics) n;

INSERT INTO epics_epic (id, code, "order", title, theme, description, business_value,
                        acceptance_criteria, dependencies, effort, impact, priority,
                        stories_outdated, prompt_revision, version, project_id)
SELECT uuidv7(), 'E' || n, n, 'Reports of area ' || n, 'Theme ' || n %% 12,
       repeat('Everything that an analyst needs to read the reports of area ' || n || '. ', 4),
       'Less time is lost.', ARRAY['Reports are complete.', 'Reports are of today.'],
       ARRAY[]::varchar[], 'M', 'high', n, n %% 20 = 0, 0, 1, project.id
FROM project_plan project CROSS JOIN LATERAL generate_series(1, project.epics) n;

INSERT INTO epics_epiccard ("order", card_id, epic_id)
SELECT place, card.id, epic.id
FROM epics_epic epic
CROSS JOIN generate_series(0, 4) place
JOIN project_plan project ON project.id = epic.project_id
JOIN epics_card card ON card.project_id = epic.project_id
                    AND card."order" = 1 + (epic."order" * 2 + place) %% (2 * project.epics)

-- stories --
-- Of words, so that searches find a few, many or none.
INSERT INTO epics_story (id, code, "order", title, user_story, persona, acceptance_criteria,
                         technical_notes, priority, effort, quality_score, defects, run_id,
                         created_at, version, epic_id, project_id)
SELECT uuidv7(), epic.code || '-S' || n, n, initcap(verb) || ' the ' || noun || ' of ' || town,
       'As a ' || persona || ', I want to ' || verb || ' the ' || noun || ' of ' || town
       || ' before noon, so that nobody waits for lot ' || epic."order" * n || '.',
       persona,
       ARRAY['Given a ' || noun || ', when I ' || verb || ' it, then the list shows it at once.',
             'Given no ' || noun || ', when I ask for it, then I am told so.',
             'Given two of a kind, when I save, then both are kept.'],
       'Needs an index over ' || noun || ' and town.', 'medium', 'M', 70 + (n * 7) %% 31,
       CASE WHEN n %% 3 = 0 THEN '[{"criterion": "atomic", "kind": "conjunction",
           "severity": "medium", "message": "The want has two parts."}]' ELSE '[]' END::jsonb,
       NULL, project.at + epic."order" * interval '1 minute' + n * interval '1 millisecond', 1,
       epic.id, project.id
FROM project_plan project
JOIN epics_epic epic ON epic.project_id = project.id
CROSS JOIN LATERAL generate_series(1, project.stories) n
CROSS JOIN LATERAL (
    SELECT %(verbs)s::text[] AS verbs, %(nouns)s::text[] AS nouns, %(towns)s::text[] AS towns,
           %(personas)s::text[] AS personas, epic."order" * 31 + n * 7 AS seed
) words
CROSS JOIN LATERAL (
    SELECT verbs[1 + seed %% cardinality(verbs)] AS verb,
           nouns[1 + seed / 3 %% cardinality(nouns)] AS noun,
           towns[1 + seed / 5 %% cardinality(towns)] AS town,
           personas[1 + seed / 11 %% cardinality(personas)] AS persona
) chosen

-- runs --
-- With 20 lanes each, and their actions. Every other small run of the large project retries the
-- one before it; the first of them retries the first large run.
INSERT INTO runs_run (id, type, status, options, pacing_profile, priority,
                      priority_reasons, max_concurrency, provider,
                      model, max_tokens, delay_ms, max_retries, retry_wait_ms, context_key,
                      total_items, draining, error_code, error, retried_from_id, created_by_id,
                      created_at, started_at, completed_at, version, project_id)
SELECT id, 'GENERATE_ALL_STORIES', status,
       '{"mode": "standard", "persona_set": "core", "skip_quality_check": false,
         "keep_edited": true}', 'adaptive', 'NORMAL', '[]', 20, 'simulator', %(model)s,
       8000, 0, 3, 1000, '', epics, false, '', '',
       CASE WHEN number = 501 THEN (SELECT id FROM run_plan WHERE number = 1)
            WHEN number > 501 AND number %% 2 = 0 THEN (SELECT id FROM run_plan before WHERE before.number = plan.number - 1)
       END,
       (SELECT MIN(id) FROM auth_user), at, at + interval '2 seconds',
       CASE WHEN status NOT IN ('RUNNING', 'PAUSED') THEN at + interval '30 minutes' END, 3,
       project_id
FROM run_plan plan;

INSERT INTO runs_worker (id, name, concurrency, started_at, heartbeat_at, lease_until)
SELECT uuidv7(), 'w' || n || '@big', 60, now(), now(), now() + interval '1 day'
FROM generate_series(1, 2) n;

INSERT INTO runs_lane (run_id, index, state, fencing_token, worker_id, wait_reason, moved_at, rate_limit_streak,
                       completed, failed, skipped, cancelled, created, kept, input_tokens,
                       output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
SELECT id, place, CASE WHEN status = 'RUNNING' THEN 'running' ELSE 'idle' END, epics / 20,
       (SELECT id FROM runs_worker ORDER BY name OFFSET place %% 2 LIMIT 1), '', now(), 0,
       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM run_plan CROSS JOIN generate_series(0, 19) place;

INSERT INTO runs_runaction (run_id, kind, actor, at, details)
SELECT id, kind, 'bench1', at + place * interval '1 minute',
       CASE WHEN kind = 'start' THEN '{"epics": 61}'
            ELSE jsonb_build_object('epicsDone', 10 * place, 'inFlight', 2) END
FROM run_plan
CROSS JOIN (VALUES (0, 'start'), (1, 'pause'), (2, 'resume'), (3, 'pause'), (4, 'resume'))
    actions(place, kind)

-- run_items --
-- Their calls, three log lines each, and the lanes' counts. Half of an open run's epics have ended
-- within the hour.
INSERT INTO runs_runitem (id, run_id, kind, target_id, code, title, "order", status, stage,
                          lane_id, estimated_input_tokens, attempt, cancel_requested, crashes,
                          created, kept, input_tokens, output_tokens,
                          cache_read_tokens, cache_write_tokens, cost_usd, error_code, error,
                          stage_ms, notes, started_at, completed_at)
SELECT uuidv7(), run.id, 'stories', epic.id, epic.code, epic.title, place, state.status,
       CASE state.status WHEN 'PENDING' THEN '' WHEN 'GENERATING' THEN 'component-generation'
            ELSE 'storage' END,
       CASE WHEN state.status <> 'PENDING' THEN lane.id END, 1500,
       CASE WHEN state.status = 'PENDING' THEN 0 ELSE 1 END, false, 0,
       CASE WHEN state.status = 'COMPLETED' THEN 8 ELSE 0 END, 0, 400, 2600, 1100, 0, 0.0402,
       CASE WHEN state.status = 'FAILED' THEN 'PROVIDER_ERROR' ELSE '' END,
       CASE WHEN state.status = 'FAILED' THEN 'The provider answered 500 four times.' ELSE '' END,
       '{"validation": 1, "component-generation": 21000, "storage": 3}', '[]',
       CASE WHEN state.status <> 'PENDING' THEN run.at + place * interval '100 milliseconds' END,
       CASE WHEN state.status IN ('COMPLETED', 'FAILED')
            THEN run.at + place * interval '100 milliseconds' + interval '20 seconds' END
FROM run_plan run
CROSS JOIN LATERAL generate_series(1, run.epics) place
JOIN epics_epic epic ON epic.project_id = run.project_id AND epic."order" = run.skipped + place
JOIN runs_lane lane ON lane.run_id = run.id AND lane.index = place %% 20
CROSS JOIN LATERAL (
    SELECT CASE WHEN run.status = 'COMPLETED_WITH_ERRORS' AND place %% 10 = 0 THEN 'FAILED'
                WHEN run.status NOT IN ('RUNNING', 'PAUSED') OR place <= run.epics / 2
                THEN 'COMPLETED'
                WHEN run.status = 'RUNNING' AND place <= run.epics / 2 + 20 THEN 'GENERATING'
                ELSE 'PENDING' END AS status
) state;

INSERT INTO runs_opentarget (kind, target_id, run_id)
SELECT kind, target_id, run_id FROM runs_runitem JOIN runs_run run ON run.id = run_id
WHERE run.completed_at IS NULL;

UPDATE runs_lane lane
SET completed = sums.completed, failed = sums.failed, created = 8 * sums.completed,
    input_tokens = 400 * ended, output_tokens = 2600 * ended, cache_read_tokens = 1100 * ended,
    cost_usd = 0.0402 * ended
FROM (
    SELECT lane_id, COUNT(completed_at) AS ended, COUNT(*) FILTER (WHERE status = 'COMPLETED')
           AS completed, COUNT(*) FILTER (WHERE status = 'FAILED') AS failed
    FROM runs_runitem GROUP BY lane_id
) sums
WHERE sums.lane_id = lane.id;

INSERT INTO runs_providercall (id, item_id, attempt, purpose, model, outcome, started_at,
                               ended_at, request_id, input_tokens, output_tokens,
                               cache_read_tokens, cache_write_tokens, cost_usd, error_code,
                               possibly_billed)
SELECT uuidv7(), id, 1, 'generate', %(model)s, 'ANSWERED', started_at, completed_at,
       'req_' || id, 400, 2600, 1100, 0, 0.0402, '', false
FROM runs_runitem WHERE completed_at IS NOT NULL;

INSERT INTO runs_runlog (run_id, seq, at, level, item_code, message)
SELECT run_id, 3 * ("order" - 1) + line, started_at + line * interval '7 seconds', 'info',
       code, '[' || code || '] ' || words.text
FROM runs_runitem
CROSS JOIN (VALUES (1, 'Claimed by w1@big'), (2, 'Calling the provider: 1,500 tokens'),
                   (3, 'Completed: 8 stories, quality 91, in 20.1 s')) words(line, text)
WHERE started_at IS NOT NULL

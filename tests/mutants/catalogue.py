"""The mutants: which guard is taken away, where, and which tests are to notice."""

from dataclasses import dataclass

_ENGINE = "tests/integration/engine/"
LANES = f"{_ENGINE}test_lanes.py::"
KEPT = f"{_ENGINE}test_kept_stories.py::"
RUNS = f"{_ENGINE}test_runs.py::"
CONTROLS = f"{_ENGINE}test_controls.py::"
RECONCILER = f"{_ENGINE}test_reconciler.py::"
WORKER = f"{_ENGINE}test_worker_process.py::"
ATTEMPTS = f"{_ENGINE}test_attempts.py::"
JOBS = f"{_ENGINE}test_jobs.py::"
LOG = f"{_ENGINE}test_log.py::"
MAX_CONCURRENCY = f"{_ENGINE}test_max_concurrency.py::"
_PROBES = "tests/acceptance/test_worker_probes.py::"
_HEALTH = "tests/integration/runs_api/test_health.py::"
_ADAPTIVE = f"{_ENGINE}test_adaptive_lanes.py::"
OPEN = f"{_ENGINE}test_open_epics.py::"
BROKER = "tests/integration/engine/test_broker.py::"
FAULTS = "tests/acceptance/faults/test_faults.py::"
GATES = "tests/integration/limiter/test_gate.py::"
SHARES = "tests/integration/limiter/test_shares.py::"
QUOTAS = "tests/integration/runs_api/test_quotas.py::"
PERMIT_QUEUE = "tests/integration/limiter/test_permit_queue.py::"
PENDING = "tests/unit/limiter/test_pending.py::"
GATE_CLOCKS = "tests/integration/limiter/test_clocks.py::"
INSTALLATION = "tests/integration/test_installation.py::"
FIRST_BYTES = "tests/integration/redis_url/test_first_bytes.py::"
WRONG_CLOCKS = "tests/integration/test_wrong_clocks.py::"
ALONE = "tests/acceptance/live/test_alone.py::"
SESSION = "tests/integration/postgresql/test_session.py::"
READ_ONLY = "tests/integration/postgresql/test_read_only.py::"
START = "tests/integration/postgresql/test_start.py::"
_WEB = "tests/integration/web/"
_WEBHOOKS_SQL = "runs/webhooks/queries.sql"
_OUTBOX = "tests/integration/webhooks/test_outbox.py::"
_DELIVERING = "tests/integration/webhooks/test_delivering.py::"
_SENDING = "tests/integration/webhooks/test_sending.py::"
_SCOPES = "tests/integration/api/test_scopes.py::"
_API_TOKENS = "tests/integration/api/test_api_tokens.py::"
_MCP = "tests/integration/mcp/test_tools.py::"
_GROUPS = f"{_ENGINE}test_groups.py::"
_LANE_QUERIES = "runs/engine/queries.py"
CLAIMS_SQL = "runs/engine/sql/claims.sql"
FINISHES_SQL = "runs/engine/sql/finishes.sql"
CALLS_SQL = "runs/engine/sql/calls.sql"
DISPATCH_SQL = "runs/engine/sql/dispatch.sql"
RECOVERY_SQL = "runs/engine/sql/recovery.sql"
TRANSITIONS_SQL = "runs/engine/sql/transitions.sql"
STORE_SQL = "content/stories/store.sql"
EPICS_SQL = "content/epics/store.sql"
EPICS = f"{_ENGINE}test_epics_store.py::"
EPICS_RUN = "tests/unit/content/test_epics_run.py::"
_CARDS_SQL = "content/cards/store.sql"
_CARD_RUNS = "tests/integration/engine/test_card_runs.py::TestStored::"
_READERS = "tests/unit/epics/test_readers.py::TestHostile::"
SUBTASKS_SQL = "content/subtasks/store.sql"
PROMPTS = f"{_ENGINE}test_prompt_versions.py::"
SUBTASKS = f"{_ENGINE}test_subtask_runs.py::"
QUEUE = "tests/integration/runs_api/test_queue.py::"
READ_PLANS = "tests/integration/api/test_read_plans.py::"
COMPILED = "tests/integration/postgresql/test_compiled_query.py::"
BY_HAND = "tests/integration/runs_api/test_gates.py::"
LUA = "limiter/lua/"
EXPORT_FILES = "tests/integration/export/test_files.py::"
RUN_FILE = "tests/integration/export/test_run_file.py::"
FORMATS = "tests/integration/epics/test_export_formats.py::"
_CLIENTS = "tests/unit/workers/test_clients.py::"
_WORKER_ENGINE, _LINKS = "workers/engine.py", "workers/links.py"
_GROUP_COMMIT = "workers/group_commit.py"
SECOND = "tests/acceptance/test_second_provider.py::"
TRANSLATE = "providers/anthropic/translate.py"
TRANSLATED = "tests/unit/providers/test_translate.py::"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A guard that is taken away: each pair of texts stands in the file exactly once."""

    guard: str
    file: str
    changes: tuple[tuple[str, str], ...]
    #: All of them have to pass without the change; at least one has to fail with it.
    tests: tuple[str, ...]
    #: The change is to a migration: the test database is made anew.
    schema: bool = False


def _mutant(guard: str, file: str, old: str, new: str, *tests: str, schema: bool = False) -> Mutant:
    return Mutant(guard=guard, file=file, changes=((old, new),), tests=tests, schema=schema)


_GROUPED = (
    _mutant(
        "group: waits for nobody who has one of its rows",
        _LANE_QUERIES,
        "    WHERE set_config('lock_timeout', '50ms', true) = '50ms'\n",
        "",
        f"{_GROUPS}test_a_group_does_not_wait_for_a_row_that_somebody_has",
    ),
    _mutant(
        "group: runs in the order of their ids",
        _LANE_QUERIES,
        '"by_run": "ORDER BY run_id"',
        '"by_run": "ORDER BY run_id DESC"',
        f"{_GROUPS}test_a_group_takes_rows_in_the_order_of_their_ids",
    ),
    _mutant(
        "group: calls end in the order of their ids",
        FINISHES_SQL,
        "(SELECT call_id FROM ended))\n    ORDER BY id\n",
        "(SELECT call_id FROM ended))\n    ORDER BY id DESC\n",
        f"{_GROUPS}test_calls_end_in_the_order_of_their_ids",
    ),
    _mutant(
        "recovery: calls are lost in the order of their ids",
        RECOVERY_SQL,
        "    ORDER BY call.id\n    FOR NO KEY UPDATE OF call",
        "    ORDER BY call.id DESC\n    FOR NO KEY UPDATE OF call",
        f"{_GROUPS}test_calls_end_in_the_order_of_their_ids",
    ),
    _mutant(
        "group: each lane takes an item of its own",
        FINISHES_SQL,
        "    FROM taker JOIN free USING (run_id, turn)\n",
        "    FROM taker JOIN free USING (run_id)\n",
        f"{_GROUPS}TestFinishes::test_each_ends_by_itself_and_every_lane_moves_on_once",
    ),
    _mutant(
        "group: an end that comes twice",
        "runs/engine/groups.py",
        "sorted(_distinct(members), ",
        "sorted(range(len(members)), ",
        f"{_GROUPS}TestFinishes::test_an_end_that_comes_twice_in_a_group_counts_once",
    ),
    _mutant(
        "group: an answer is that of its member",
        "runs/engine/groups.py",
        'ordered[row["place"] - 1]: row',
        'row["place"] - 1: row',
        f"{_GROUPS}TestClaims::test_each_gets_what_its_own_epic_and_run_say",
    ),
    _mutant(
        "group: as many unread messages as lanes lack an item",
        FINISHES_SQL,
        "        LIMIT lacking.lanes\n",
        "        LIMIT 1\n",
        f"{_GROUPS}TestFinishes::test_lanes_take_what_nobody_reads_where_nothing_is_free",
    ),
    _mutant(
        "plans: what is written is found by its id",
        FINISHES_SQL,
        "    WHERE counter.id = spent.item_id AND counter.id = @item_ids@\n",
        "    WHERE counter.id = spent.item_id\n",
        f"{_ENGINE}test_lane_plans.py::test_no_step_reads_more_than_its_rows",
    ),
    _mutant(
        "plans: an item is found by its id, not among those that are open",
        FINISHES_SQL,
        "      AND runs_runitem.status IS NOT DISTINCT FROM 'GENERATING'\n    RETURNING",
        "      AND runs_runitem.status = 'GENERATING'\n    RETURNING",
        f"{_ENGINE}test_lane_plans.py::test_no_step_reads_more_than_its_rows",
    ),
    _mutant(
        "finish: of items that may kill a worker one goes out",
        FINISHES_SQL,
        "          AND (crashes < %(last_chance)s OR @only_suspect@)\n",
        "",
        f"{_GROUPS}TestFinishes::test_of_items_that_may_kill_a_worker_one_goes_out",
    ),
    _mutant(
        "finish: none while another lane has one",
        FINISHES_SQL,
        "suspect.run_id = pending.run_id AND suspect.lane_id IS NOT NULL\n",
        "suspect.run_id = pending.run_id AND false\n",
        f"{_GROUPS}TestFinishes::test_none_goes_out_while_another_lane_has_one",
    ),
    _mutant(
        "finish: what ends just now is no longer out",
        FINISHES_SQL,
        "                    AND suspect.id NOT IN (SELECT item_id FROM ended)\n",
        "",
        f"{_GROUPS}TestFinishes::test_of_items_that_may_kill_a_worker_one_goes_out",
    ),
)

_COMMITS = f"{_ENGINE}test_group_commit.py::"
COMMITTED = (
    _mutant(
        "group commit: of a group that fails each is written alone",
        _GROUP_COMMIT,
        "                await self._write_each(group)\n                return\n",
        "                for _, written in group:\n"
        "                    _fail(written, error)\n                return\n",
        f"{_COMMITS}test_of_a_group_that_fails_each_is_written_alone",
    ),
    _mutant(
        "group commit: of a group that has no JSON each is written alone",
        _GROUP_COMMIT,
        "(psycopg.Error, ValueError)",
        "psycopg.Error",
        f"{_COMMITS}test_of_a_group_that_has_no_json_each_is_written_alone",
    ),
    _mutant(
        "group commit: a row that somebody has holds up no other",
        _GROUP_COMMIT,
        "_SINGLES = 3\n",
        "_SINGLES = 1\n",
        f"{_COMMITS}test_a_row_that_somebody_has_holds_up_no_other_of_its_group",
    ),
    _mutant(
        "group commit: one that is slow holds up no other",
        _GROUP_COMMIT,
        "        commit.slow = 1\n        self._slow += 1\n",
        "",
        f"{_COMMITS}test_a_commit_that_waits_holds_up_no_later_one",
    ),
    _mutant(
        "group commit: slow ones leave connections to others",
        _GROUP_COMMIT,
        "self._under_way == self._slow and self._under_way < _AT_ONCE",
        "self._under_way == self._slow",
        f"{_COMMITS}test_commits_that_wait_leave_connections_to_others",
    ),
    _mutant(
        "group commit: while one is under way the next collects",
        _GROUP_COMMIT,
        "self._under_way == self._slow and self._under_way < _AT_ONCE",
        "self._under_way < _AT_ONCE",
        f"{_COMMITS}test_while_one_is_under_way_the_next_group_collects",
    ),
    _mutant(
        "group commit: whoever gives up takes nobody along",
        _GROUP_COMMIT,
        "    if not written.done():\n        written.set_result(answer)\n",
        "    written.set_result(answer)\n",
        f"{_COMMITS}test_whoever_gives_up_takes_nobody_along",
    ),
    _mutant(
        "group commit: a bug is heard by all who wait",
        _GROUP_COMMIT,
        "                for _, written in group:\n                    _fail(written, error)\n",
        "                log.exception(error)\n",
        f"{_COMMITS}test_whoever_waits_hears_of_a_bug",
    ),
)

_INTAKE = "workers/intake.py"
_CELERY_FACE = "workers/celery_face.py"
_PULLED = f"{_ENGINE}test_intake.py::"
INTAKE = (
    _mutant(
        "messages: none beyond the lanes that are free",
        _INTAKE,
        "self._concurrency - self._busy)",
        "self._concurrency)",
        f"{_PULLED}test_no_more_messages_are_asked_for_than_lanes_are_free",
    ),
    _mutant(
        "messages: those that are asked for already count",
        _INTAKE,
        "self._concurrency - self._busy) - self._asked",
        "self._concurrency - self._busy)",
        f"{_PULLED}test_no_more_messages_are_asked_for_than_lanes_are_free",
    ),
    _mutant(
        "messages: for each that came the next is asked for, where a lane is free",
        _INTAKE,
        "                self._room.set()  # for more requests, where this leaves lanes free\n",
        "                pass\n",
        f"{_PULLED}test_all_lanes_have_a_message_though_none_has_ended",
        f"{_PULLED}test_broken_messages_cost_no_lane",
        f"{_PULLED}test_messages_that_were_revoked_cost_no_lane",
    ),
    _mutant(
        "messages: one that begins nothing ends no pulling",
        _INTAKE,
        "        except Exception as error:  # whatever one message can do",
        "        except RedisError as error:  # whatever one message can do",
        f"{_PULLED}test_whatever_becomes_of_a_message_the_next_ones_are_taken",
    ),
    _mutant(
        "messages: a connection that breaks ends no pulling",
        _INTAKE,
        "                _log_end(pulling)\n",
        "                return\n",
        f"{_PULLED}test_where_its_connection_breaks_the_messages_after_it_are_taken",
        f"{_PULLED}test_a_cancel_that_nobody_meant_ends_no_pulling",
    ),
    _mutant(
        "messages: where none comes, Redis is not taken for silent",
        _INTAKE,
        "disable_decoding=True, timeout=math.inf)",
        "disable_decoding=True)",
        f"{_PULLED}test_a_wait_for_messages_is_no_silence_of_redis",
    ),
    _mutant(
        "messages: what a broken connection was asked is asked again",
        _INTAKE,
        "        self._asked = 0\n",
        "",
        f"{_PULLED}test_where_its_connection_breaks_the_messages_after_it_are_taken",
    ),
    _mutant(
        "Celery's state is changed by Celery's own thread",
        _CELERY_FACE,
        "        with self._lock:\n            self._new[request] = False\n",
        "        state.task_reserved(request)\n",
        f"{_PULLED}test_celerys_books_are_kept_by_celerys_own_thread",
    ),
    _mutant(
        "task events: for whoever listens for tasks alone",
        _CELERY_FACE,
        ' or (events.groups and "task" not in events.groups):',
        ":",
        f"{_PULLED}test_task_events_go_where_somebody_listens_for_tasks_alone",
    ),
    _mutant(
        "task events: sent beside the loop",
        _CELERY_FACE,
        "            self._waiting.put_nowait((events, kind, fields))\n",
        "            events.send(kind, **fields)\n",
        f"{_PULLED}test_task_events_go_where_somebody_listens_for_tasks_alone",
    ),
    _mutant(
        "answers: what takes steps goes on between two",
        "workers/answer_turns.py",
        "        if rounds == _ROUNDS:\n",
        "        if rounds == 1:\n",
        "tests/unit/workers/test_answer_turns.py::"
        "test_answers_are_worked_on_in_their_order_and_others_go_on_between_two",
    ),
    _mutant(
        "plans: tables that grew are analysed",
        "runs/engine/reconciler.py",
        "        grown_analyze()\n",
        "        pass\n",
        "tests/integration/engine/test_whole_run_plans.py::test_tables_that_grew_are_analysed_once",
    ),
    _mutant(
        "plans: tables that would be next are analysed with those that are due",
        "runs/engine/statistics.py",
        "_FACTOR, _FACTOR_OF_OTHERS = 4, 1.5\n",
        "_FACTOR, _FACTOR_OF_OTHERS = 4, 4.0\n",
        "tests/integration/engine/test_whole_run_plans.py::"
        "test_what_grew_by_half_is_analysed_with_what_grew_fourfold_and_not_before",
    ),
    _mutant(
        "plans: a table that was analysed while its rows were being written is analysed again",
        "runs/engine/statistics.py",
        "pages / GREATEST(relpages, 1), live / GREATEST(reltuples, %(rows)s)\n",
        "pages / GREATEST(relpages, 1)\n",
        "tests/integration/engine/test_whole_run_plans.py::"
        "test_a_table_analysed_while_its_rows_were_being_written_is_analysed_again",
    ),
    _mutant(
        "plans: lanes that come to rest find their items one by one",
        DISPATCH_SQL,
        "    FROM runs_runitem item\n"
        "    WHERE item.lane_id = ANY(ARRAY(SELECT id FROM waiting)) AND item.status = 'PENDING'\n",
        "    FROM waiting JOIN runs_runitem item\n"
        "        ON item.lane_id = waiting.id AND item.status = 'PENDING'\n",
        "tests/integration/engine/test_whole_run_plans.py::"
        "test_lanes_come_to_rest_by_a_few_looks_at_each",
    ),
    _mutant(
        "ends: a look that began before an item ended does not speak for it",
        "workers/run_ends.py",
        "        look = self._next.get(run_id)\n",
        "        look = self._under_way.get(run_id) or self._next.get(run_id)\n",
        "tests/unit/workers/test_run_ends.py::"
        "test_who_asks_during_a_look_waits_for_one_that_begins_after_it",
    ),
)

_CLAIM_LANE = """      AND runs_lane.fencing_token = asked.fencing_token
      AND runs_lane.state = 'sent'
      AND runs_lane.index < asked.max_concurrency
      AND EXISTS (
          SELECT FROM runs_runitem
          WHERE id = asked.item_id AND lane_id = asked.lane_id
            AND status IS NOT DISTINCT FROM 'PENDING'
"""
_CLAIM_EPIC = "      AND runs_runitem.status IS NOT DISTINCT FROM 'PENDING'\n"

PROGRESS = (
    _mutant(
        "progress: an overtaken attempt's is not told",
        RECOVERY_SQL,
        "ON lane.id = told.lane_id AND lane.fencing_token = told.fencing_token\n",
        "ON lane.id = told.lane_id\n",
        f"{WORKER}test_a_beat_tells_nothing_of_an_attempt_that_was_overtaken",
    ),
    _mutant(
        "progress: what did not change is not written",
        "workers/progress.py",
        "return None if now.place == self.told else now",
        "return now",
        f"{WORKER}test_a_beat_without_news_writes_nothing",
    ),
)

CLAIMING = (
    _mutant(
        "claim: the message's fencing token",
        CLAIMS_SQL,
        "      AND runs_lane.fencing_token = asked.fencing_token\n"
        "      AND runs_lane.state = 'sent'\n",
        "      AND runs_lane.state = 'sent'\n",
        f"{LANES}test_a_message_of_an_older_generation_claims_nothing",
    ),
    Mutant(
        guard="claim: lane sent and epic PENDING (either alone is enough)",
        file=CLAIMS_SQL,
        changes=(
            (
                _CLAIM_LANE,
                _CLAIM_LANE.replace("AND runs_lane.state = 'sent'", "").replace(
                    "AND status IS NOT DISTINCT FROM 'PENDING'", ""
                ),
            ),
            (_CLAIM_EPIC, ""),
        ),
        tests=(f"{LANES}test_a_message_is_claimed_once_however_often_it_comes",),
    ),
    Mutant(
        guard="the same, seen from outside: copied messages, calls at the same time",
        file=CLAIMS_SQL,
        changes=(
            (
                _CLAIM_LANE,
                _CLAIM_LANE.replace("AND runs_lane.state = 'sent'", "")
                .replace("AND status IS NOT DISTINCT FROM 'PENDING'", "")
                .replace("AND runs_lane.fencing_token = asked.fencing_token", ""),
            ),
            (_CLAIM_EPIC, ""),
        ),
        tests=(f"{FAULTS}test_copied_dropped_and_reordered_messages_change_nothing",),
    ),
    _mutant(
        "claim: the run's status right before the call",
        CLAIMS_SQL,
        "                asked.run_status IN ('QUEUED', 'RUNNING')\n",
        "                true\n",
        f"{LANES}test_a_run_that_stands_still_gives_no_epic",
    ),
    _mutant(
        "claim: no lane beyond the run's limit",
        CLAIMS_SQL,
        "      AND runs_lane.index < asked.max_concurrency\n",
        "",
        f"{MAX_CONCURRENCY}test_a_message_beyond_the_limit_claims_nothing",
    ),
    _mutant(
        "claim: FOR SHARE, which a pause waits for",
        CLAIMS_SQL,
        " AND @run_turn@\n        FOR SHARE\n",
        " AND @run_turn@\n",
        "tests/integration/engine/test_lock_order.py::"
        "test_no_claim_goes_before_a_pause_that_waits_for_another",
    ),
    _mutant(
        "second call: FOR SHARE",
        CALLS_SQL,
        "      AND @run_turn@\n    FOR SHARE\n",
        "      AND @run_turn@\n",
        "tests/integration/engine/test_lock_order.py::"
        "test_a_second_call_takes_the_run_before_its_lane",
    ),
    _mutant(
        "second call: the run's status",
        CALLS_SQL,
        "    ) AS item\n    WHERE run.status = 'RUNNING'\n",
        "    ) AS item\n",
        f"{LANES}test_a_second_call_starts_only_while_the_run_runs",
    ),
    _mutant(
        "second call: begun twice counts once",
        CALLS_SQL,
        "    FROM lane, run, @spent_given@\n"
        "    WHERE runs_providercall.id = %(call_id)s AND runs_providercall.outcome = 'STARTED'\n",
        "    FROM lane, run, @spent_given@\n    WHERE runs_providercall.id = %(call_id)s\n",
        f"{LANES}test_a_second_call_that_is_begun_twice_is_begun_once",
    ),
    _mutant(
        "an answer that was kept is not paid for again",
        CLAIMS_SQL,
        "CASE WHEN claimed.output_tokens > 0 OR",
        "CASE WHEN claimed.output_tokens < 0 OR",
        f"{LANES}test_a_restarted_attempt_is_told_what_was_paid_for",
    ),
    _mutant(
        "SKIP LOCKED, giving out epics",
        DISPATCH_SQL,
        """    LIMIT (SELECT COUNT(*) FROM empty)
    FOR UPDATE SKIP LOCKED
""",
        """    LIMIT (SELECT COUNT(*) FROM empty)
    FOR UPDATE
""",
        f"{LANES}test_nobody_waits_for_what_another_one_takes",
    ),
    _mutant(
        "SKIP LOCKED, giving out lanes",
        DISPATCH_SQL,
        "    )\n    FOR UPDATE OF lane SKIP LOCKED\n",
        "    )\n    FOR UPDATE OF lane\n",
        f"{LANES}test_nobody_waits_for_what_another_one_takes",
    ),
    _mutant(
        "a lane carries one epic (unique index)",
        "runs/migrations/0001_initial.py",
        """        migrations.AddConstraint(
            model_name="runepic",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ("PENDING", "GENERATING"))),
                fields=("lane",),
                name="lane_carries_one_epic",
            ),
        ),
""",
        "",
        f"{LANES}test_the_database_refuses_two_open_epics_in_one_lane",
        schema=True,
    ),
)

FINISHING = (
    _mutant(
        "finish: the lane's fencing token",
        FINISHES_SQL,
        "        WHERE id = given.lane_id AND fencing_token = given.fencing_token AND",
        "        WHERE id = given.lane_id AND",
        f"{LANES}test_an_attempt_whose_lane_was_taken_back_stores_nothing_but_its_spend",
    ),
    _mutant(
        "finish: the epic is GENERATING",
        FINISHES_SQL,
        "          AND status IS NOT DISTINCT FROM 'GENERATING'\n        FOR UPDATE\n",
        "        FOR UPDATE\n",
        f"{LANES}test_an_epic_that_is_not_generated_any_more_is_not_finished",
    ),
    _mutant(
        "finish: the old stories go in the same transaction",
        STORE_SQL,
        "(SELECT id FROM stories_held WHERE NOT kept)",
        "(SELECT id FROM stories_held WHERE false)",
        f"{LANES}test_a_regeneration_replaces_the_stories_and_a_failed_one_keeps_them",
    ),
    _mutant(
        "finish: a failed regeneration keeps the old stories",
        FINISHES_SQL,
        "    WHERE status = 'COMPLETED' AND target_id IS NOT NULL\n",
        "    WHERE target_id IS NOT NULL\n",
        f"{LANES}test_a_regeneration_replaces_the_stories_and_a_failed_one_keeps_them",
    ),
    _mutant(
        "finish: an epic has each story once (unique index)",
        "epics/migrations/0001_initial.py",
        'fields=("epic", "code"), name="story_code_once"',
        'fields=("epic", "id"), name="story_code_once"',
        f"{LANES}test_two_runs_that_finish_one_epic_at_once_leave_one_set_of_stories",
        schema=True,
    ),
    _mutant(
        "finish: stories that a person edited stay",
        STORE_SQL,
        "(SELECT id FROM stories_held WHERE NOT kept)",
        "(SELECT id FROM stories_held)",
        f"{KEPT}test_two_runs_with_edits_between_lose_no_edited_story",
    ),
    _mutant(
        "finish: an edit that is under way counts",
        "epics/migrations/0012_kept_and_changes.py",
        "    PERFORM FROM epics_story WHERE epic_id = ANY (of_epics) ORDER BY id FOR UPDATE;\n",
        "",
        f"{KEPT}test_an_edit_under_way_at_the_end_is_kept",
        schema=True,
    ),
    _mutant(
        "finish: a text that changed since the claim",
        STORE_SQL,
        "    UPDATE epics_epic SET stories_outdated = target.outdated\n",
        "    UPDATE epics_epic SET stories_outdated = false\n",
        f"{KEPT}TestOutdated",
    ),
    _mutant(
        "finish: SKIP LOCKED for the next epic",
        FINISHES_SQL,
        "        LIMIT wanted.lanes\n        FOR UPDATE SKIP LOCKED\n",
        "        LIMIT wanted.lanes\n        FOR UPDATE\n",
        f"{LANES}test_nobody_waits_for_what_another_one_takes",
    ),
    _mutant(
        "finish: a run that was paused gets no next epic",
        FINISHES_SQL,
        "    WHERE run_status = 'RUNNING' AND index < max_concurrency\n",
        "    WHERE index < max_concurrency\n",
        f"{LANES}test_a_run_that_was_paused_meanwhile_keeps_the_result_and_its_lane_rests",
    ),
    _mutant(
        "a late answer's spend is booked once",
        CALLS_SQL,
        "%(call_id)s AND runs_providercall.outcome <> 'ANSWERED'\n",
        "%(call_id)s\n",
        f"{LANES}test_an_attempt_whose_lane_was_taken_back_stores_nothing_but_its_spend",
    ),
    _mutant(
        "given back: an epic that is to be cancelled is",
        FINISHES_SQL,
        "    SET status = CASE WHEN cancel_requested THEN 'CANCELLED' ELSE 'PENDING' END,\n"
        "        completed_at = CASE WHEN cancel_requested THEN clock_timestamp() END,\n",
        "    SET status = 'PENDING',\n",
        f"{CONTROLS}TestCancelOfOneEpic::test_one_that_is_generated_is_cancelled_by_its_worker",
    ),
    *_GROUPED,
    _mutant(
        "a refused message sends no other",
        _LINKS,
        "        if attempt is None:\n",
        "        if attempt is None:\n"
        "            self._tools.sender.put_behind(request, user=first.user)\n",
        f"{WORKER}test_a_finished_link_sends_the_next_one_and_a_refused_one_sends_none",
    ),
    _mutant(
        "what a start makes is spared from collections",
        "workers/signals.py",
        "    gc.freeze()\n",
        "",
        f"{WORKER}test_what_a_start_makes_is_spared_from_collections",
    ),
    _mutant(
        "no epic is claimed before calls can be made",
        _LINKS,
        "        client = await self._client(first)\n",
        "        client = None\n",
        f"{WORKER}test_no_epic_is_claimed_before_calls_can_be_made",
    ),
)

RUN_STATUS = (
    _mutant(
        "pause, cancel: FOR NO KEY UPDATE",
        TRANSITIONS_SQL,
        "(hashtextextended(runs_run.id::text, 7104)))\n    FOR NO KEY UPDATE\n",
        "(hashtextextended(runs_run.id::text, 7104)))\n",
        f"{CONTROLS}test_of_50_equal_requests_at_once_exactly_one_wins",
    ),
    _mutant(
        "pause, cancel: the statuses they may come from",
        TRANSITIONS_SQL,
        "    WHERE id = %(run_id)s AND status = ANY(%(sources)s)\n",
        "    WHERE id = %(run_id)s\n",
        f"{CONTROLS}test_of_50_equal_requests_at_once_exactly_one_wins",
    ),
    _mutant(
        "cancel of one epic: its run is active",
        TRANSITIONS_SQL,
        " AND status IN ('QUEUED', 'RUNNING', 'PAUSED')\n    FOR SHARE\n",
        "\n    FOR SHARE\n",
        f"{CONTROLS}TestCancelOfOneEpic::test_in_a_run_that_is_over_it_is_refused",
    ),
    _mutant(
        "cancel of one epic: FOR SHARE, which the run's end waits for",
        TRANSITIONS_SQL,
        "'PAUSED')\n    FOR SHARE\n",
        "'PAUSED')\n",
        f"{CONTROLS}TestCancelOfOneEpic::test_the_runs_own_cancel_waits_for_it",
    ),
    _mutant(
        "cancel of many items: each is counted",
        TRANSITIONS_SQL,
        "COUNT(*) AS items, bool_or(",
        "1 AS items, bool_or(",
        f"{_ENGINE}test_items_cancel.py::test_those_that_wait_are_cancelled_and_no_others",
    ),
    _mutant(
        "cancel of many items: what is generated goes on",
        TRANSITIONS_SQL,
        "      AND %(under_way)s\n",
        "",
        f"{_ENGINE}test_items_cancel.py::test_those_that_wait_are_cancelled_and_no_others",
    ),
    _mutant(
        "a retry is offered where something failed, and is there",
        "runs/reads/selectors.py",
        "        & Q(Exists(failed))\n",
        "",
        "tests/integration/runs_api/test_offered.py::test_what_is_offered_is_what_would_succeed",
    ),
    _mutant(
        "a retry is not offered beside an active run of the type",
        "runs/reads/selectors.py",
        "        & ~Q(Exists(in_the_way))\n",
        "",
        "tests/integration/runs_api/test_offered.py::test_what_is_offered_is_what_would_succeed",
    ),
    _mutant(
        "a retry is not offered while what failed is open elsewhere",
        "runs/reads/selectors.py",
        "        & ~Q(Exists(elsewhere))\n",
        "",
        "tests/integration/runs_api/test_offered.py::test_what_is_offered_is_what_would_succeed",
    ),
    _mutant(
        "live: a viewer is offered nothing",
        "runs/live/asgi.py",
        "content if stream.right.may_control else without_controls(content)",
        "content",
        "tests/acceptance/live/test_clients.py::test_a_viewer_is_offered_what_the_api_offers_it",
    ),
    Mutant(
        guard="a run ends once (neither open nor RUNNING: either alone is enough)",
        file=TRANSITIONS_SQL,
        changes=(
            (
                "WHERE runs_run.id = %(run_id)s\n  AND runs_run.completed_at IS NULL\n",
                "WHERE runs_run.id = %(run_id)s\n",
            ),
            (
                "          runs_run.status IN ('QUEUED', 'RUNNING')\n          AND NOT EXISTS (\n",
                "          runs_run.status <> 'PAUSED'\n          AND NOT EXISTS (\n",
            ),
        ),
        tests=(f"{RUNS}test_of_many_that_end_a_run_one_wins",),
    ),
    _mutant(
        "a run ends that never began",
        TRANSITIONS_SQL,
        "          runs_run.status IN ('QUEUED', 'RUNNING')\n          AND NOT EXISTS (\n",
        "          runs_run.status = 'RUNNING'\n          AND NOT EXISTS (\n",
        f"{CONTROLS}TestCancelOfOneEpic::test_of_a_run_that_has_not_begun_it_may_be_the_end",
    ),
    _mutant(
        "one active run of a project (unique index)",
        "runs/migrations/0007_open_epics.py",
        """        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("status__in", ("QUEUED", "RUNNING", "PAUSED")),
                    models.Q(("type", "GENERATE_STORIES"), _negated=True),
                ),
                fields=("project", "type"),
                name="run_active_once",
            ),
        ),
""",
        "",
        f"{RUNS}test_of_many_starts_at_once_one_wins_and_the_others_learn_which",
        schema=True,
    ),
    _mutant(
        "an epic is open in one run (primary key)",
        DISPATCH_SQL,
        "FROM made WHERE %(held)s ORDER BY target_id\n",
        "FROM made WHERE %(held)s ORDER BY target_id\nON CONFLICT DO NOTHING\n",
        f"{OPEN}TestRaces::test_of_many_starts_over_overlapping_epics_each_epic_is_in_one",
    ),
    _mutant(
        "epics that are open elsewhere are left out",
        "runs/engine/start.py",
        "held = holders(kind.name, project) if options.target_ids is None else {}\n",
        "held = {}\n",
        f"{OPEN}TestStart::test_where_all_are_asked_for_open_ones_are_left_out",
    ),
    _mutant(
        "an end closes all of a run's epics",
        "runs/engine/transitions.py",
        "        all_close(run_id=run_id)\n",
        "",
        f"{OPEN}TestUntil::test_one_that_has_ended_keeps_none",
    ),
    _mutant(
        "a cancel, a fatal failure: what waits is closed",
        "runs/engine/transitions.py",
        "        if to in FINAL:\n",
        "        if to is None:\n",
        f"{OPEN}TestUntil::test_one_that_is_draining_keeps_what_is_generated",
    ),
    _mutant(
        "a cancel: what is generated stays open",
        TRANSITIONS_SQL,
        "            AND (status = 'GENERATING' OR (status = 'PENDING' AND batch_id",
        "            AND (false OR (status = 'PENDING' AND batch_id",
        f"{OPEN}TestUntil::test_one_that_is_draining_keeps_what_is_generated",
    ),
    _mutant(
        "a cancel: running lanes are told that their epic is the last",
        TRANSITIONS_SQL,
        "UPDATE runs_lane SET draining = true\n",
        "UPDATE runs_lane SET draining = false\n",
        f"{OPEN}TestRaces::test_a_finish_that_began_before_a_cancel_closes_its_epic",
    ),
    _mutant(
        "a cancel waits for epics that are being finished",
        TRANSITIONS_SQL,
        "    WHERE run_id = %(run_id)s AND state = 'running'\n    ORDER BY id\n    FOR UPDATE\n",
        "    WHERE run_id = %(run_id)s AND state = 'running'\n    ORDER BY id\n"
        "    FOR UPDATE SKIP LOCKED\n",
        f"{OPEN}TestRaces::test_a_cancel_waits_for_a_finish_under_way",
    ),
    _mutant(
        "a draining run's epic is closed by its finish",
        FINISHES_SQL,
        "        WHERE ended.draining\n    ))\n",
        "        WHERE false\n    ))\n",
        f"{OPEN}TestUntil::test_one_that_is_draining_keeps_what_is_generated",
    ),
    _mutant(
        "a draining run's epic is closed when it is given back",
        FINISHES_SQL,
        "        WHERE back.draining\n    ))\n",
        "        WHERE false\n    ))\n",
        f"{OPEN}TestUntil::test_one_that_is_draining_keeps_what_is_generated",
    ),
    _mutant(
        "a draining run's epic is closed when it is taken back",
        RECOVERY_SQL,
        "      AND (open.kind, open.target_id, open.run_id) = "
        "(back.kind, back.target_id, back.run_id)\n",
        "      AND false\n",
        f"{OPEN}TestUntil::test_one_that_is_draining_keeps_what_is_generated",
    ),
    _mutant(
        "the log is numbered by one at a time",
        "runs/reads/log.py",
        '        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", '
        "[_LOCK_SPACE, str(run_id)])\n",
        "",
        f"{LOG}test_a_line_keeps_the_number_that_another_reader_is_giving_it",
    ),
)

RECOVERY = (
    _mutant(
        "an epic that waits for PostgreSQL holds up no other's answer",
        _GROUP_COMMIT,
        "        commit.slow = 1\n        self._slow += 1\n",
        "",
        f"{ATTEMPTS}test_an_epic_that_waits_for_postgresql_lets_the_next_answer_go_first",
    ),
    _mutant(
        "an answer that did not finish its epic is not paid for again",
        "workers/caller.py",
        "kept = self._claim.answers.get(request.key)",
        "kept = None",
        f"{ATTEMPTS}test_a_repair_does_not_start_in_a_paused_run_and_its_answer_is_kept",
    ),
    _mutant(
        "answers are kept by the key of their request",
        "workers/caller.py",
        '"key": request.key',
        '"key": "generate"',
        f"{ATTEMPTS}test_answers_are_kept_by_the_key_of_their_request",
    ),
    _mutant(
        "a lane's links keep no result",
        "workers/tasks.py",
        "name=TASK_NAME, ignore_result=True",
        "name=TASK_NAME",
        f"{_ENGINE}test_results.py::test_a_lanes_link_keeps_no_result_whatever_becomes_of_it",
    ),
    _mutant(
        "the reconciler, in every worker",
        "workers/process.py",
        "                (self.reconcile, settings.RECONCILE_S),\n",
        "",
        f"{WORKER}test_every_worker_tends_to_what_died",
    ),
    _mutant(
        "the reconciler's advisory lock",
        "runs/engine/reconciler.py",
        "        if not mine:\n",
        "        if mine is None:\n",
        f"{RECONCILER}test_of_rounds_at_once_one_does_the_work",
    ),
    _mutant(
        "a broker that hangs is waited for before the turn",
        "runs/engine/reconciler.py",
        "    sends = _broker_answers()\n    with turn(_LOCK, vanished_s=_VANISHED_S) as mine:\n",
        "    with turn(_LOCK, vanished_s=_VANISHED_S) as mine:\n"
        "        sends = _broker_answers()\n",
        f"{RECONCILER}test_who_waits_for_a_broker_that_hangs_has_no_turn",
    ),
    _mutant(
        "nothing is sent to a broker that is away",
        "runs/engine/reconciler.py",
        '(run["dispatch"] or run["rest"]) and sends:',
        '(run["dispatch"] or run["rest"]):',
        f"{RECONCILER}test_without_a_broker_what_is_lost_is_taken_back_and_nothing_sent",
    ),
    _mutant(
        "who cannot claim takes no message",
        "workers/intake.py",
        "        while self._is_served():\n            await asyncio.sleep(_LOOK_S)\n        raise",
        "        while True:\n            await asyncio.sleep(_LOOK_S)\n        raise",
        f"{_ENGINE}test_intake.py::"
        "test_messages_are_left_to_others_while_postgresql_does_not_answer",
    ),
    _mutant(
        "a turn that nobody hears of is given to others",
        "batchgen/db/turns.py",
        '[lock, f"{vanished_s * 1000:.0f}"]',
        '[lock, "0"]',
        f"{RECONCILER}test_the_turn_of_a_process_that_stands_still_is_given_to_others",
    ),
    _mutant(
        "the lease's heartbeat",
        RECOVERY_SQL,
        "    SET heartbeat_at = clock_timestamp(), stopped_at = NULL,\n"
        "        lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),\n",
        "    SET heartbeat_at = clock_timestamp(), stopped_at = NULL,\n"
        "        lease_until = lease_until + make_interval(secs => %(lease_s)s) * 0,\n",
        f"{WORKER}test_a_beat_renews_the_lease",
    ),
    _mutant(
        "a lease that ran out",
        RECOVERY_SQL,
        "              %(judge)s AND worker.lease_until < clock_timestamp()\n",
        "              %(judge)s AND worker.lease_until < '-infinity'\n",
        f"{LANES}TestReclaim::test_a_worker_that_is_gone_loses_them",
    ),
    _mutant(
        "leases are not judged right after the server was away",
        RECOVERY_SQL,
        """              AND pg_postmaster_start_time()
                  < clock_timestamp() - make_interval(secs => %(lease_s)s)
""",
        "              AND %(lease_s)s > 0\n",
        f"{LANES}TestReclaim::test_while_the_server_was_away_nobody_could_renew_a_lease",
    ),
    _mutant(
        "leases are not judged right after a pause of everything",
        "workers/process.py",
        "judge=self._beats.are_steady(), det",
        "judge=True, det",
        f"{WORKER}test_after_a_pause_of_everything_others_get_time_to_renew_their_leases",
    ),
    _mutant(
        "a newer start of the same name",
        RECOVERY_SQL,
        "WHERE newer.name = worker.name AND newer.started_at > worker.started_at\n",
        "WHERE newer.name = worker.name AND newer.started_at IS NULL\n",
        f"{LANES}TestReclaim::test_a_worker_that_is_gone_loses_them",
    ),
    _mutant(
        "a live worker keeps its epics though its name was given twice",
        RECOVERY_SQL,
        "              worker.heartbeat_at < clock_timestamp() "
        "- make_interval(secs => %(silent_s)s)\n",
        "              %(silent_s)s > 0\n",
        f"{LANES}TestReclaim::test_two_live_workers_of_one_name_leave_each_other_alone",
    ),
    _mutant(
        "workers' starts by the database's clock",
        "workers/process.py",
        "            started_at=Now(),\n            heartbeat_at=Now(),\n"
        "            lease_until=Now() + timedelta(seconds=settings.WORKER_LEASE_S),\n",
        "            lease_until=__import__('django.utils.timezone').utils.timezone.now()"
        " + timedelta(seconds=settings.WORKER_LEASE_S),\n",
        f"{WORKER}test_a_worker_is_on_the_books_by_the_databases_clock",
    ),
    _mutant(
        "a worker finds claims that it does not run",
        "workers/process.py",
        '            if row["age_s"] > unheard_s and row["lane_id"] not in self.engine.attempts\n',
        '            if row["age_s"] < 0\n',
        f"{WORKER}test_a_claim_that_nobody_here_runs_goes_back_without_a_crash",
    ),
    _mutant(
        "a call is aborted once its lane was taken back",
        "workers/process.py",
        "then there is no call to abort.\n                self._loop.call(attempt.abort)\n",
        "then there is no call to abort.\n                pass\n",
        f"{WORKER}test_a_call_is_aborted_when_its_lane_was_taken_back",
    ),
    _mutant(
        "a worker that stops gives its messages back",
        _LINKS,
        "                self._tools.sender.push({name: [request.message.raw]})\n",
        "",
        f"{WORKER}test_a_worker_that_stops_claims_nothing_and_gives_the_message_back",
    ),
    _mutant(
        "a loop that is behind makes no orphans",
        "workers/process.py",
        "_ORPHAN_AFTER_S + self._loop.behind_s()",
        "_ORPHAN_AFTER_S",
        f"{WORKER}test_a_loop_that_is_behind_makes_no_orphans",
    ),
    _mutant(
        "a worker that stops claims nothing for a permit that comes late",
        _LINKS,
        "        if isinstance(permit, Permit) and self._stopping.is_set():\n",
        "        if isinstance(permit, Permit) and not permit:\n",
        f"{WORKER}test_a_worker_that_stops_gives_back_a_permit_that_comes_late",
    ),
    _mutant(
        "a worker that stops gives a permit back that comes late",
        _LINKS,
        "            permit.unused()\n            raise Stopping\n",
        "            raise Stopping\n",
        f"{WORKER}test_a_worker_that_stops_gives_back_a_permit_that_comes_late",
    ),
    _mutant(
        "probes: a worker that takes no items is not ready",
        "workers/process.py",
        '"intake": self.engine.intake.is_open',
        '"intake": True',
        f"{_PROBES}test_it_is_ready_while_its_servers_are_there_and_lives_without_them",
    ),
    _mutant(
        "probes: a worker without PostgreSQL is not ready",
        "workers/process.py",
        '"database": self._beats.are_recent()}',
        '"database": True}',
        f"{_PROBES}test_it_is_ready_while_its_servers_are_there_and_lives_without_them",
    ),
    _mutant(
        "probes: a worker whose loop hangs is dead",
        "workers/process.py",
        'return ["loop", *dead] if self._loop.behind_s() > _HANGS_S else dead',
        "return dead",
        f"{WORKER}test_a_worker_whose_loop_hangs_or_whose_heart_stopped_is_dead",
    ),
    _mutant(
        "claim: the permit of a message that is late goes back",
        _LINKS,
        "                permit.unused()\n        if claim is None:\n",
        "                pass\n        if claim is None:\n",
        f"{ATTEMPTS}test_the_permit_of_a_message_that_is_late_goes_back",
    ),
    _mutant(
        "claim: the permit of one that fails goes back",
        _LINKS,
        "        finally:\n            if permit and claim is None:\n",
        "        except NotImplementedError:\n            if permit and claim is None:\n",
        f"{ATTEMPTS}test_the_permit_of_a_claim_that_fails_goes_back",
    ),
    _mutant(
        "a permit goes back where its item's run cannot begin",
        "workers/attempt.py",
        "        finally:\n            self._caller.close()\n",
        "        else:\n            self._caller.close()\n",
        f"{ATTEMPTS}test_the_permit_of_an_item_whose_run_cannot_begin_goes_back",
    ),
    _mutant(
        "a stop gives back what outlasts the grace period",
        _WORKER_ENGINE,
        "        self.give_up()\n        if self.links.under_way:\n",
        "        if self.links.under_way:\n",
        "tests/acceptance/test_controls.py::test_what_outlasts_the_grace_period_is_given_back",
    ),
    _mutant(
        "abort: no call begins after it",
        "workers/caller.py",
        "                # Asked for before there was a call to give up.\n"
        "                self._call.cancel()\n",
        "                pass\n",
        f"{ATTEMPTS}test_an_attempt_that_is_given_up_begins_no_call",
    ),
    _mutant(
        "abort: the call holds its permit no longer",
        "workers/caller.py",
        "        except asyncio.CancelledError:\n            permit.aborted()\n",
        "        except asyncio.CancelledError:\n",
        f"{ATTEMPTS}test_a_call_that_is_given_up_holds_its_permit_no_longer",
    ),
    Mutant(
        guard="abort: it ends the call alone",
        file="workers/attempt.py",
        changes=(
            ("import logging\n", "import asyncio\nimport logging\n"),
            (
                "            await self._generate()\n",
                (
                    "            self._task = asyncio.current_task()\n"
                    "            await self._generate()\n"
                ),
            ),
            ("        self._caller.abort()\n", "        self._task.cancel()\n"),
        ),
        tests=(f"{ATTEMPTS}test_an_attempt_that_is_given_up_while_it_is_stored_ends_as_any_other",),
    ),
    _mutant(
        "lost messages are noticed",
        "runs/engine/reconciler.py",
        "    if not sent:\n        return {}\n",
        "    if sent is not None:\n        return {}\n",
        f"{RECONCILER}test_messages_that_redis_lost_are_sent_again",
    ),
    _mutant(
        "messages that wait are not lost",
        "runs/engine/reconciler.py",
        "if name not in waiting}",
        "if name not in set()}",
        f"{RECONCILER}test_a_message_that_waits_long_is_left_alone",
    ),
    _mutant(
        "messages that are missing once are not lost",
        "runs/engine/reconciler.py",
        " >= settings.MESSAGE_LOST_S:",
        " >= 0:",
        f"{RECONCILER}test_a_message_that_a_worker_has_in_hand_is_left_alone",
    ),
    _mutant(
        "taken back: SKIP LOCKED",
        RECOVERY_SQL,
        "    ORDER BY lane.id\n    FOR UPDATE OF lane SKIP LOCKED\n",
        "    ORDER BY lane.id\n    FOR UPDATE OF lane\n",
        f"{LANES}test_nobody_waits_for_what_another_one_takes",
    ),
    _mutant(
        "poison is given up",
        RECOVERY_SQL,
        "WHEN item.crashes + (NOT gone.orphan)::int >= %(max_crashes)s THEN 'FAILED'\n",
        "WHEN %(max_crashes)s < 0 THEN 'FAILED'\n",
        f"{LANES}TestReclaim::test_an_epic_that_kills_three_workers_is_poison",
    ),
    _mutant(
        "poison takes no other epic with it",
        DISPATCH_SQL,
        "      AND (crashes < %(last_chance)s OR id = (SELECT id FROM suspect))\n",
        "",
        f"{LANES}TestReclaim::test_an_epic_that_kills_its_workers_takes_no_other_with_it",
    ),
    _mutant(
        "the worker outlives its broker (closed connection)",
        "batchgen/redis/broker.py",
        "        if self.connection is None or self.connection.client is None:\n",
        "        if False:\n",
        f"{BROKER}test_a_channel_whose_connection_was_closed_says_so",
    ),
)

REDIS = (
    _mutant(
        "redis: a `rediss://` URL begins with TLS, for the broker too",
        "batchgen/redis/client.py",
        "    direct = kind.tls if to.tls else kind.plain\n",
        "    tls, direct = {}, kind.plain\n",
        f"{FIRST_BYTES}test_tls_begins_with_its_handshake",
    ),
    _mutant(
        "redis: a certificate is checked unless the URL says otherwise",
        "batchgen/redis/url.py",
        'verify=_one_of(wanted, "ssl_cert_reqs", _REQUIREMENTS, True)',
        'verify=_one_of(query, "ssl_cert_reqs", _REQUIREMENTS, False)',
        "tests/unit/batchgen/test_redis_url.py::test_a_certificate_is_checked_unless_the_url_says_otherwise",
    ),
    _mutant(
        "redis: a Sentinel that is down is asked once, and after the others",
        "batchgen/redis/client.py",
        "        self._answered[self._hosts] = place\n",
        "",
        "tests/integration/redis_url/test_servers.py::test_a_sentinel_that_is_down_is_asked_once",
    ),
    _mutant(
        "installations: keys have the installation's id",
        "batchgen/redis/client.py",
        '    return settings.REDIS_PREFIX or f"batchgen:{installation_id()}:"\n',
        '    return settings.REDIS_PREFIX or "batchgen:"\n',
        "tests/acceptance/test_two_installations.py::test_side_by_side_with_default_settings",
    ),
    _mutant(
        "installations: another's prefix is refused",
        "batchgen/redis/client.py",
        "    if found is not None and found != mine.encode():\n",
        "    if found is not None and not found:\n",
        f"{INSTALLATION}test_a_foreign_prefix_is_refused_in_words_and_not_ready",
    ),
    _mutant(
        "installations: of all who make the id, one does",
        "batchgen/db/installation.py",
        "ON CONFLICT DO NOTHING",
        "ON CONFLICT (id) DO NOTHING",
        f"{INSTALLATION}test_who_is_second_waits_for_the_id_of_the_first",
    ),
)

LIMITER = (
    _mutant(
        "limiter: what Redis lost counts as used up",
        f"{LUA}buckets.lua",
        "number('level_' .. name, 0)",
        "number('level_' .. name, full)",
        f"{GATES}test_what_redis_lost_counts_as_used_up",
    ),
    _mutant(
        "limiter: what a dead worker held is free at once",
        "runs/engine/reconciler.py",
        "        _tell_limiter(reclaimed)\n",
        "",
        "tests/integration/engine/test_reconciler.py::"
        "test_what_a_dead_worker_held_of_the_gate_is_free_at_once",
    ),
    _mutant(
        "limiter: one refusal closes the gate for all",
        f"{LUA}main.lua",
        "  if is_closed then\n    wait, reason = closed_until - now, 'gate-closed'\n",
        "  if false then\n    wait, reason = closed_until - now, 'gate-closed'\n",
        f"{GATES}test_one_refusal_closes_the_gate_for_all_and_it_opens_empty",
    ),
    _mutant(
        "limiter: a closed gate opens with empty buckets",
        f"{LUA}closing.lua",
        "bucket.level = math.min(bucket.level, 0)",
        "bucket.level = bucket.full",
        f"{GATES}test_one_refusal_closes_the_gate_for_all_and_it_opens_empty",
    ),
    _mutant(
        "limiter: PostgreSQL remembers a closed gate",
        "limiter/permit_queue.py",
        "            self._forgotten_at = grants.now\n",
        "            self._forgotten_at = None\n",
        f"{PERMIT_QUEUE}test_what_redis_forgot_of_a_closed_gate_is_known_elsewhere",
    ),
    _mutant(
        "permit queue: nothing starts while nobody knows whether the gate was closed",
        "limiter/permit_queue.py",
        "            await self._remind()\n            self._take(",
        "            self._take(",
        f"{PERMIT_QUEUE}test_while_nobody_can_say_whether_it_was_closed_no_call_starts",
    ),
    _mutant(
        "permit queue: who is cancelled gives back what it was granted",
        "limiter/permit_queue.py",
        "            if waiter.reservation is not None:\n"
        "                self.give_back(waiter.reservation)\n            raise\n",
        "            raise\n",
        f"{PERMIT_QUEUE}test_whoever_is_cancelled_takes_no_permit_along",
    ),
    _mutant(
        "permit queue: what is granted to nobody goes back",
        "limiter/pending.py",
        "                self._give_back(run, amounts, grants.now)\n",
        "",
        f"{PERMIT_QUEUE}test_whoever_is_cancelled_takes_no_permit_along",
    ),
    _mutant(
        "permit queue: who asks is cancelled by nobody who waits",
        "limiter/permit_queue.py",
        "        await self._answered.wait()\n",
        "        await asyncio.sleep(0)\n        await (self._asking or self._answered.wait())\n",
        f"{PERMIT_QUEUE}test_whoever_tells_the_gate_may_be_cancelled_and_the_ask_goes_on",
    ),
    _mutant(
        "permit queue: of refusals that are told together the longest counts",
        "limiter/pending.py",
        "        if told := self._closing:\n",
        "        if (told := self._closing) is closing:\n",
        f"{PERMIT_QUEUE}test_refusals_that_are_told_together_close_the_gate_for_the_longest",
    ),
    _mutant(
        "permit queue: nobody waits for a gate that opens too late",
        "limiter/permit_queue.py",
        "        for waiter in self._pending.hopeless():\n            waiter.wake()\n",
        "",
        f"{PERMIT_QUEUE}test_nobody_waits_in_line_at_a_closed_gate",
    ),
    _mutant(
        "permit queue: a further call does not ask a closed gate without a rest",
        "workers/permits.py",
        "            if found.reason == GATE_CLOSED:\n",
        "            if not found.reason:\n",
        f"{PERMIT_QUEUE}test_a_further_call_asks_a_closed_gate_now_and_then_until_it_is_given_up",
    ),
    _mutant(
        "permit queue: those that leave come back in turn",
        "limiter/pending.py",
        "max(now, self._left_until.get(run, now)) + step_s",
        "now + step_s * len(self._lines.get(run, ()))",
        f"{PENDING}test_those_that_leave_come_back_in_turn",
    ),
    _mutant(
        "permit queue: a gate that cannot be asked is left alone for a moment",
        "limiter/pending.py",
        "        self.ask_at = self._again_at = now + ASK_AGAIN_S\n",
        "        self.ask_at = now + ASK_AGAIN_S\n",
        f"{PENDING}test_after_a_failure_nobody_asks_for_a_moment",
    ),
    _mutant(
        "in a thread: no database connection is kept",
        "batchgen/db/in_thread.py",
        "        connection_give_back()\n",
        "        pass\n",
        "tests/integration/postgresql/test_in_thread.py::"
        "test_the_orm_may_be_used_and_no_connection_is_kept",
    ),
    _mutant(
        "limiter: a reservation is settled",
        f"{LUA}closing.lua",
        "charge(name, call.used[name] - call.reserved[name])",
        "charge(name, 0)",
        f"{GATES}test_what_a_call_did_not_use_comes_back_and_what_it_used_too_much_is_taken",
    ),
    _mutant(
        "limiter: a dead worker's permits come back",
        f"{LUA}processes.lua",
        "    held = held - past.held\n    forget(process)\n",
        "    forget(process)\n",
        f"{GATES}test_slots_are_for_all_processes_and_those_of_a_dead_one_come_back",
    ),
    _mutant(
        "limiter: the provider's limit is believed",
        f"{LUA}buckets.lua",
        "  if limits[name] then state['told_' .. name] = limits[name].limit end\n",
        "",
        f"{GATES}test_the_providers_lower_limit_is_believed",
    ),
    _mutant(
        "limiter: what others took of the key",
        f"{LUA}buckets.lua",
        "      if short > 0 then\n",
        "      if short > 1e12 then\n",
        f"{GATES}test_another_program_on_the_key_is_made_room_for",
    ),
    _mutant(
        "limiter: HIGH before LOW",
        f"{LUA}turns.lua",
        "  for rank = 0, 2 do\n    local run, place",
        "  for rank = 2, 0, -1 do\n    local run, place",
        f"{GATES}test_high_goes_before_low_and_low_does_not_starve",
    ),
    _mutant(
        "limiter: LOW does not starve",
        f"{LUA}turns.lua",
        "  local may_age = (unaged[user] or 0) >= AGED_EVERY - 1\n",
        "  local may_age = false\n",
        f"{GATES}test_high_goes_before_low_and_low_does_not_starve",
    ),
    _mutant(
        "limiter: runs take turns",
        f"{LUA}turns.lua",
        "  move_on(runs_of(line.user, line.rank), run, 1)\n",
        "  move_on(runs_of(line.user, line.rank), run, 0)\n",
        f"{GATES}test_runs_of_a_priority_take_turns_whatever_their_size",
    ),
    _mutant(
        "shares: users take turns, whatever they ask for",
        f"{LUA}turns.lua",
        "  move_on(USERS, line.user, 1 / users[line.user].weight)\n",
        "  move_on(USERS, line.user, 0)\n",
        f"{SHARES}test_sixty_high_runs_of_one_user_leave_another_its_half",
    ),
    _mutant(
        "shares: a process is not far ahead of another's user",
        f"{LUA}turns.lua",
        "    if not anyway and (standing[user] or 0) > first + SLACK then return nil end\n",
        "",
        f"{SHARES}test_each_of_n_users_that_wait_gets_at_least_half_of_an_nth",
    ),
    _mutant(
        "shares: who is silent is passed over once, not at every turn",
        f"{LUA}turns.lua",
        "    pass_over_the_first()\n",
        "",
        f"{SHARES}test_who_left_without_a_word_costs_the_others_one_moment",
    ),
    _mutant(
        "shares: who waits for the cache is in no queue",
        f"{LUA}turns.lua",
        "  leave_queues(line.user, line.rank, run, true)\n  for_cache = true\n",
        "  for_cache = true\n",
        f"{SHARES}test_who_waits_for_the_cache_holds_no_other_user_up",
    ),
    _mutant(
        "shares: what a user waits behind is its own",
        f"{LUA}main.lua",
        "      before = math.min(before * math.max(1, in_line), waiting)\n",
        "      before = waiting\n",
        f"{SHARES}test_what_is_told_of_a_queue_is_the_users_own",
    ),
    _mutant(
        "shares: who has its share of the slots lets others go first",
        "workers/slots.py",
        "            raise FairShareReached\n",
        "            pass\n",
        "tests/acceptance/test_shares.py::"
        "test_a_users_run_goes_on_beside_many_urgent_ones_of_another",
    ),
    _mutant(
        "shares: who has no slot any more waits behind nobody",
        "workers/links.py",
        "        if not self._slots.has(first.user):\n",
        "        if False:\n",
        "tests/integration/engine/test_worker_process.py::"
        "test_who_has_no_slot_any_more_has_messages_brought_forward",
    ),
    _mutant(
        "shares: of one user's messages a hundred are ahead of others",
        "runs/engine/transitions.py",
        "        dispatch.send(links[first:], behind=True)",
        "        dispatch.send(links[first:])",
        "tests/integration/engine/test_shares.py::"
        "test_messages_beyond_a_users_first_ones_wait_behind_others",
    ),
    _mutant(
        "shares: a run's last messages do not hold up its end",
        FINISHES_SQL,
        "run_id = lacking.run_id AND state = 'sent'\n          AND moved_at <",
        "run_id = lacking.run_id AND false\n          AND moved_at <",
        f"{LANES}test_a_lane_without_a_free_epic_takes_one_whose_message_nobody_reads",
    ),
    _mutant(
        "pages: one of long rows ends early",
        "batchgen/api/paging.py",
        "    limit = fitting(ordered, limit)\n",
        "",
        "tests/integration/api/test_long_pages.py::test_pages_of_long_rows_there_and_back",
    ),
    _mutant(
        "pages: texts of a known length count as well",
        "batchgen/api/paging.py",
        "isinstance(f, (CharField, *_LONG))",
        "isinstance(f, _LONG)",
        "tests/integration/api/test_long_pages.py"
        "::test_many_texts_of_some_length_are_long_together",
    ),
    _mutant(
        "lists: each order has its index",
        "epics/migrations/0018_cards_and_epics_by_code.py",
        'index=models.Index(fields=["project", "code", "id"], name="epic_by_code")',
        'index=models.Index(fields=["project", "effort"], name="epic_by_code")',
        f"{READ_PLANS}test_each_order_of_a_projects_list_has_its_index",
        schema=True,
    ),
    _mutant(
        "runs: whether a lane is at work is looked for run by run",
        "runs/reads/surroundings.py",
        '    rests = IsNull(Subquery(works.values("pk")[:1]), True)\n',
        "    from django.db.models import Exists\n\n    rests = ~Exists(works)\n",
        f"{READ_PLANS}test_a_list_of_runs_does_not_look_at_the_lanes_of_others",
    ),
    _mutant(
        "compiled querysets: a value without a place is refused",
        "batchgen/db/compiled_query.py",
        "        if found != {*range(len(given))}:\n",
        "        if False:\n",
        f"{COMPILED}test_a_value_that_becomes_another_is_refused",
    ),
    _mutant(
        "compiled querysets: a value that became another is refused",
        "batchgen/db/compiled_query.py",
        '    if param != f"%{stand_in}%":\n',
        "    if False:\n",
        f"{COMPILED}test_a_value_that_becomes_another_is_refused",
    ),
    _mutant(
        "compiled querysets: one that is empty for what stands in is made anew",
        "batchgen/db/compiled_query.py",
        "            return list(_make(self._steps, values))\n",
        "            return []\n",
        f"{COMPILED}test_a_queryset_that_django_knows_to_be_empty",
    ),
    _mutant(
        "turns: one client leaves places",
        "batchgen/web/turns.py",
        " and self._at_work[client] < self._most_of_one",
        "",
        "tests/unit/batchgen/test_turns.py::test_one_client_leaves_a_place",
    ),
    _mutant(
        "turns: clients that wait go in turns",
        "batchgen/web/turns.py",
        "        first, *others = self._waiting.pop(called)\n        if others:\n",
        "        first, *others = self._waiting[called]\n        if not others:\n"
        "            del self._waiting[called]\n        else:\n",
        "tests/unit/batchgen/test_turns.py::test_clients_that_wait_go_in_turns",
    ),
    _mutant(
        "turns: who is called and has hung up lets the next one in",
        "batchgen/web/turns.py",
        "                self._end(client)\n            else:\n",
        "                pass\n            else:\n",
        "tests/unit/batchgen/test_turns.py::"
        "test_who_hangs_up_just_before_it_is_called_keeps_no_place",
    ),
    _mutant(
        "turns: a probe waits for none",
        "batchgen/asgi.py",
        "        if is_probe(request):\n",
        "        if request is None:\n",
        "tests/acceptance/live/test_clients.py::test_a_probe_is_answered_while_all_turns_are_taken",
    ),
    _mutant(
        "turns: who hangs up keeps its turn while its thread works",
        "batchgen/asgi.py",
        "                await asyncio.wait([answering])\n",
        "",
        "tests/integration/api/test_asgi.py::"
        "test_requests_of_one_user_leave_places_for_others_also_when_their_clients_hang_up",
    ),
    _mutant(
        "quotas: two users are held in the order of their ids",
        "runs/engine/quotas.py",
        "    for pk in sorted(both):\n        user_hold(both[pk])\n",
        "    user_hold(run.created_by)\n",
        f"{QUOTAS}test_two_users_who_give_lanes_to_each_others_runs_do_not_wait_for_each_other",
    ),
    _mutant(
        "quotas: who counts holds the user",
        "epics/quotas.py",
        "    if not User.objects.select_for_update(no_key=True).filter(pk=user.pk)",
        "    if not User.objects.filter(pk=user.pk)",
        f"{QUOTAS}test_of_projects_that_are_created_at_once_no_more_stay_than_allowed",
        f"{QUOTAS}test_of_runs_that_start_at_once_no_more_stay_than_allowed",
    ),
    _mutant(
        "stories: what another run is at is shown to the model",
        "content/stories/load.sql",
        "epic_id = epic.id), claimed.run_id",
        "false), claimed.run_id",
        f"{SUBTASKS}TestStoriesThatGo::test_what_a_run_is_at_is_left_by_one_that_writes_stories",
    ),
    _mutant(
        "lineage: an item is known by its target",
        "runs/reads/lineage.py",
        'later.filter(target_id=OuterRef("target_id"))',
        'later.filter(code=OuterRef("code"))',
        "tests/integration/runs_api/test_controls.py::"
        "test_a_lineage_knows_an_item_by_what_it_is_of_and_not_by_its_code",
    ),
    _mutant(
        "start: what is left out is known by its id",
        "runs/engine/start.py",
        "        if target.id not in held\n",
        "        if target.code not in held_by_code(held, found)\n",
        f"{SUBTASKS}TestTargets::test_one_that_is_open_elsewhere_leaves_out_no_other_of_its_code",
    ),
    _mutant(
        "deletions: of a card in the order of runs",
        "epics/services.py",
        "    project_lock(card.project_id)\n"
        "    Card.objects.select_for_update().filter(pk=card_id).first()\n",
        "",
        "tests/integration/engine/test_lock_order.py::"
        "test_who_deletes_a_card_takes_rows_in_the_order_of_a_run_that_replaces_it",
    ),
    _mutant(
        "deletions: of a story in the order of runs",
        "epics/story_services.py",
        "    Epic.objects.select_for_update(no_key=True).filter(pk=story.epic_id).first()\n",
        "",
        "tests/integration/engine/test_lock_order.py::"
        "test_who_deletes_a_story_takes_rows_in_the_order_of_a_run_that_replaces_it",
    ),
    _mutant(
        "deletions: of a story wait for a start",
        "epics/story_services.py",
        "    project_lock(story.project_id)\n",
        "",
        "tests/integration/engine/test_lock_order.py::"
        "test_who_deletes_a_story_waits_for_a_run_that_starts_with_it",
    ),
    _mutant(
        "quotas: lanes that come with items count",
        "runs/engine/items.py",
        "    lanes_check(held, more=wanted - held.lanes.count())\n",
        "",
        f"{QUOTAS}test_items_that_are_added_bring_no_more_than_a_start_may",
    ),
    _mutant(
        "items: none is added to a run of exactly one",
        "runs/engine/items.py",
        "    if run.type in kind.one_item:\n",
        "    if False:\n",
        "tests/integration/engine/test_items.py::"
        "test_nothing_is_added_to_a_run_of_exactly_one_item",
    ),
    _mutant(
        "quotas: lanes that come later count",
        "runs/engine/controls.py",
        "        lanes_check(run, more=wanted - run.lanes.count())\n",
        "",
        f"{QUOTAS}test_lanes_that_come_later_count",
    ),
    _mutant(
        "limiter: a large bucket's calls do not begin at once",
        f"{LUA}buckets.lua",
        "      margin_s = margin_s + math.min(margin_s, behind * BEGIN_S)\n",
        "",
        f"{GATES}test_of_a_large_bucket_more_is_left_since_its_calls_do_not_begin_at_once",
    ),
    _mutant(
        "limiter: one call warms the provider's cache",
        f"{LUA}cache.lua",
        "{ warm = now + WARM_S, warming = now + WARMING_S }",
        "{ warm = now + WARM_S, warming = 0 }",
        f"{GATES}test_a_prompt_that_the_provider_does_not_keep_yet_is_sent_by_one_call_first",
    ),
    _mutant(
        "limiter: a call that failed warms nothing",
        f"{LUA}cache.lua",
        "    caches[call.cache_key] = nil  -- it failed, or was not made: the next goes first\n",
        "",
        f"{GATES}test_after_a_first_call_that_warms_nothing_the_next_goes_first",
    ),
    _mutant(
        "limiter: an overloaded provider gets fewer calls at once",
        f"{LUA}closing.lua",
        "  window = math.max(1, math.floor(held / 2))\n",
        "",
        f"{GATES}test_an_overloaded_provider_gets_half_as_many_calls_at_once_and_then_more",
    ),
    _mutant(
        "limiter: what processes said counts anew where Redis lost it",
        f"{LUA}processes.lua",
        "if processes == 0 or (not record and redis.call('ZSCORE', LEASES, report.process)) then",
        "if false then",
        f"{GATES}test_whatever_key_redis_loses_calls_go_on",
    ),
    _mutant(
        "providers: a run is answered by the one that it names",
        _LINKS,
        "self._clients.for_call(first.kind, first.provider)",
        "self._clients.for_call(first.kind, settings.PROVIDER_NAME)",
        f"{SECOND}test_a_run_is_answered_by_the_provider_that_it_names",
    ),
    _mutant(
        "providers: of several that ask at once one opens the client",
        "workers/clients.py",
        "            self._clients[provider] = client\n",
        "",
        f"{_CLIENTS}test_of_several_that_ask_at_once_one_opens_it",
    ),
    _mutant(
        "providers: whoever gives up does not end the opening of a client",
        "workers/clients.py",
        "return await asyncio.shield(client)",
        "return await client",
        f"{_CLIENTS}test_whoever_gives_up_does_not_end_its_opening",
    ),
    _mutant(
        "providers: a client that could not be opened is tried again",
        "workers/clients.py",
        "        except BaseException:\n            del self._clients[provider]\n",
        "        except BaseException:\n",
        f"{_CLIENTS}test_one_that_could_not_be_opened_is_tried_again",
    ),
    _mutant(
        "providers: a call counts against its own provider's limits",
        "workers/permits.py",
        "limit_pool(first.model, first.provider)",
        "limit_pool(first.model)",
        f"{SECOND}test_its_limits_close_and_pace_its_own_gate",
    ),
)

_DECIDED = "test_what_was_decided_before_a_change_changes_nothing"
MANY_LANES = (
    _mutant(
        "many lanes: so many messages of a run wait at most",
        "runs/engine/lanes.py",
        '        "most_sent": MOST_SENT,\n',
        '        "most_sent": 100_000,\n',
        f"{_ENGINE}test_many_lanes.py::test_so_many_messages_of_a_run_wait_at_most",
    ),
    _mutant(
        "many lanes: those that have an item go first",
        DISPATCH_SQL,
        "    ORDER BY lane.state = 'idle', lane.index\n",
        "    ORDER BY lane.state <> 'idle', lane.index\n",
        f"{_ENGINE}test_many_lanes.py::"
        "test_a_lane_that_has_an_item_is_sent_before_those_that_have_none",
    ),
    _mutant(
        "many lanes: a pause waits for so many to rest",
        DISPATCH_SQL,
        "    LIMIT %(most)s\n",
        "    LIMIT %(most)s + 100000\n",
        f"{_ENGINE}test_many_lanes.py::"
        "test_a_pause_puts_so_many_lanes_to_rest_and_the_reconciler_the_others",
    ),
    _mutant(
        "many lanes: a run ends once all of them rest",
        TRANSITIONS_SQL,
        "              WHERE run_id = %(run_id)s AND state IN ('sent', 'parked')\n",
        "              WHERE run_id = %(run_id)s AND state = 'none'\n",
        f"{_ENGINE}test_many_lanes.py::test_a_cancelled_run_has_ended_once_all_of_its_lanes_rest",
    ),
    _mutant(
        "many lanes: a beat waits for nobody who has an item",
        RECOVERY_SQL,
        "    FOR NO KEY UPDATE OF item SKIP LOCKED\n",
        "    FOR NO KEY UPDATE OF item\n",
        f"{_ENGINE}test_many_lanes.py::test_a_beat_waits_for_no_item_that_somebody_has",
    ),
    _mutant(
        "adaptive lanes: a person's number ends it",
        "runs/engine/controls.py",
        '        others["adaptive_lanes"] = False\n',
        "",
        f"{_ADAPTIVE}test_a_persons_number_ends_it",
    ),
    *(
        _mutant(f"adaptive lanes: {guard}", "runs/engine/sql/adaptive.sql", text, other, test)
        for guard, text, other, test in (
            (
                "a person was first",
                " AND adaptive_lanes AND status = 'RUNNING'\n",
                " AND status = 'RUNNING'\n",
                f"{_ADAPTIVE}{_DECIDED}[a person named the same number]",
            ),
            (
                "another worker was first",
                "      AND max_concurrency = %(before)s\n",
                "",
                f"{_ADAPTIVE}{_DECIDED}[another worker was first]",
            ),
            (
                "the run stands still",
                " AND adaptive_lanes AND status = 'RUNNING'\n",
                " AND adaptive_lanes\n",
                f"{_ADAPTIVE}{_DECIDED}[a person paused it]",
            ),
            (
                "who holds the run is not waited for",
                "'100ms'",
                "'0'",
                f"{_ADAPTIVE}test_a_row_that_somebody_holds_is_not_waited_for",
            ),
        )
    ),
    _mutant(
        "adaptive lanes: no more than workers offer",
        "runs/pacing.py",
        "    room = max(least, traffic.offered + traffic.held)\n",
        "    room = MOST_LANES\n",
        "tests/unit/runs/test_lanes_wanted.py::test_it_stays_within_what_workers_offer",
    ),
    _mutant(
        "adaptive lanes: nothing is learnt at a closed gate",
        "runs/pacing.py",
        "    if traffic.closed:\n        return traffic.lanes\n",
        "",
        f"{_ADAPTIVE}test_nothing_is_learnt_while_no_call_may_start[closed]",
    ),
)

_BEYOND = """              lane.index >= run.max_concurrency AND lane.state <> 'running'
              AND EXISTS ("""
FEWER_LANES = (
    _mutant(
        "fewer lanes: those beyond the limit let their epics go",
        DISPATCH_SQL,
        _BEYOND,
        _BEYOND.replace("lane.index >= run.max_concurrency", "lane.index < 0"),
        f"{MAX_CONCURRENCY}test_no_lane_beyond_the_limit_keeps_an_epic_that_waits",
    ),
    _mutant(
        "fewer lanes: the reconciler looks for them",
        RECOVERY_SQL,
        "               OR (NOT within AND lane.state <> 'running' AND carries)\n",
        "",
        f"{MAX_CONCURRENCY}test_no_lane_beyond_the_limit_keeps_an_epic_after_a_call",
    ),
    _mutant(
        "fewer lanes: at once, not at the reconciler's next round",
        "runs/engine/controls.py",
        "    run_rest(run_id=run.id)\n",
        "",
        f"{MAX_CONCURRENCY}test_fewer_lanes_hold_at_once",
    ),
    _mutant(
        "fewer lanes: an epic that is to be tried again waits its time",
        DISPATCH_SQL,
        "                  AND lane.wake_at > clock_timestamp()\n",
        "                  AND lane.wake_at IS NULL\n",
        f"{MAX_CONCURRENCY}test_a_call_that_is_to_be_tried_again_waits_its_time_beyond_the_limit_too",
    ),
)

_OPEN_EDITS = f"{_ENGINE}test_open_edits.py::"
_LOCK_ORDER = f"{_ENGINE}test_lock_order.py::"
_STATEMENTS = "tests/integration/postgresql/test_statements.py::"
OPEN_EDITS = (
    _mutant(
        "open edits: recovery waits for nobody",
        RECOVERY_SQL,
        "    FOR UPDATE OF item SKIP LOCKED\n",
        "    FOR UPDATE OF item\n",
        f"{_OPEN_EDITS}test_recovery_leaves_one_item_and_goes_on_with_the_others",
    ),
    _mutant(
        "open edits: a lane is not free whose item somebody has",
        RECOVERY_SQL,
        "    WHERE gone.id IN (SELECT lane_id FROM fate)\n",
        "    WHERE true\n",
        f"{_OPEN_EDITS}test_recovery_leaves_one_item_and_goes_on_with_the_others",
    ),
    _mutant(
        "open edits: a lease waits for nobody",
        RECOVERY_SQL,
        "    FOR NO KEY UPDATE OF item SKIP LOCKED\n",
        "    FOR NO KEY UPDATE OF item\n",
        f"{_OPEN_EDITS}test_a_lease_is_renewed_and_the_other_items_are_told",
    ),
    _mutant(
        "open edits: a pause waits for nobody",
        DISPATCH_SQL,
        "    FOR UPDATE OF item SKIP LOCKED\n",
        "    FOR UPDATE OF item\n",
        f"{_OPEN_EDITS}test_a_pause_leaves_one_lane_to_the_reconciler",
    ),
    _mutant(
        "open edits: a lane does not rest whose item somebody has",
        DISPATCH_SQL,
        "      (id IN (SELECT lane_id FROM held)) IS TRUE\n",
        "      true\n",
        f"{_OPEN_EDITS}test_a_pause_leaves_one_lane_to_the_reconciler",
    ),
    _mutant(
        "open edits: a cancel waits for no deletion",
        TRANSITIONS_SQL,
        "    ORDER BY kind, target_id\n    FOR UPDATE SKIP LOCKED\n))\n",
        "    ORDER BY kind, target_id\n    FOR UPDATE\n))\n",
        f"{_OPEN_EDITS}test_who_tries_again_holds_neither_run_nor_lane",
    ),
    _mutant(
        "open edits: giving out items waits for nobody",
        DISPATCH_SQL,
        "    FOR UPDATE OF tried SKIP LOCKED\n",
        "    FOR UPDATE OF tried\n",
        f"{_OPEN_EDITS}test_what_outranks_an_item_goes_before_others",
    ),
    _mutant(
        "open edits: a single statement lets go of run and lane",
        CALLS_SQL,
        "AND set_config('lock_timeout', '50ms', true) = '50ms'\n",
        "AND true\n",
        f"{_OPEN_EDITS}test_who_tries_again_holds_neither_run_nor_lane",
    ),
    _mutant(
        "open edits: a single statement tries again",
        "batchgen/db/retries.py",
        "            Remedy.WAIT: began + locked_s,\n",
        "            Remedy.WAIT: began,\n",
        f"{_STATEMENTS}test_who_lets_go_for_somebody_tries_again",
    ),
    _mutant(
        "open edits: a group is told at once",
        "batchgen/db/retries.py",
        "            Remedy.WAIT: began + locked_s,\n",
        "            Remedy.WAIT: began + 2,\n",
        f"{_STATEMENTS}test_who_does_not_wait_for_a_lock_is_told_at_once",
    ),
    _mutant(
        "order: a second call takes the run before its lane",
        CALLS_SQL,
        # Without `run` beside it, the order would be the planner's.
        "FROM runs_lane WHERE id = %(lane_id)s) @lets_go@",
        "FROM runs_lane WHERE id = %(lane_id)s FOR UPDATE) @lets_go@",
        f"{_LOCK_ORDER}test_a_second_call_takes_the_run_before_its_lane",
    ),
    _mutant(
        "order: a claim waits behind a pause that waits",
        CLAIMS_SQL,
        " AND @run_turn@",
        "",
        f"{_LOCK_ORDER}test_no_claim_goes_before_a_pause_that_waits_for_another",
    ),
    _mutant(
        "order: a story's epic before the story",
        "epics/story_services.py",
        "    _epic_hold(story_id)\n",
        "",
        f"{_LOCK_ORDER}test_who_edits_a_story_takes_rows_in_the_order_of_its_epics_deletion",
    ),
    _mutant(
        "order: a subtask's story before the subtask",
        "epics/story_services.py",
        "    _parent_hold(subtask_id)\n",
        "",
        f"{_LOCK_ORDER}test_who_edits_a_subtask_takes_rows_in_the_order_of_a_run",
    ),
    _mutant(
        "order: an epic that is given another code, and those that depend on it, by their ids",
        "epics/services.py",
        '    if "code" in changes:\n        _hold_with_dependents(epic_id)\n',
        "",
        f"{_LOCK_ORDER}test_who_gives_an_epic_another_code_takes_rows_in_the_order_of_a_run",
    ),
)

#: What the database's clock says, by the host's.
_HOST = "__import__('django').utils.timezone.now()"
CLOCKS = (
    _mutant(
        "clocks: a closing ends by the database's clock",
        "runs/closures.py",
        "    until = Now() + timedelta(seconds=seconds)\n",
        f"    until = {_HOST} + timedelta(seconds=seconds)\n",
        f"{GATE_CLOCKS}test_after_a_lost_redis_the_gate_is_closed_for_what_is_left",
    ),
    _mutant(
        "clocks: what is left of a closing is read by the database's clock",
        "runs/closures.py",
        'closures.values_list(F("until") - Now(), "reason")',
        f'closures.values_list(F("until") - {_HOST}, "reason")',
        f"{GATE_CLOCKS}test_a_worker_with_a_wrong_clock_reads_a_closing_rightly",
    ),
    _mutant(
        "clocks: a row's age is judged by the database's clock",
        "batchgen/db/expiry.py",
        '__lt": Now()}',
        f'__lt": {_HOST}}}',
        f"{WRONG_CLOCKS}test_an_idempotency_key_is_kept_as_long_as_promised",
    ),
    _mutant(
        "clocks: a sign-in's window is the database's",
        "batchgen/accounts/login_throttle.py",
        "        ends = Now() + window\n",
        f"        ends = {_HOST} + window\n",
        f"{WRONG_CLOCKS}test_wrong_tries_count_for_their_window",
    ),
    _mutant(
        "clocks: a run begins by the database's clock",
        "runs/engine/transitions.py",
        "            started_at=Now(),\n",
        f"            started_at={_HOST},\n",
        f"{WRONG_CLOCKS}test_a_runs_times_are_postgresqls",
    ),
    _mutant(
        "clocks: how long a run runs is told by the database's clock",
        "runs/reads/progress.py",
        "field(default_factory=database_now)",
        f"field(default_factory=lambda: {_HOST})",
        f"{WRONG_CLOCKS}test_how_long_a_run_runs_is_told_by_any_host",
    ),
    Mutant(
        guard="clocks: a lane's pace is kept by the database's clock",
        file=_LINKS,
        changes=(
            ("import logging\n", "import logging\nimport time\n"),
            ("due_at - DATABASE.as_known().timestamp()", "due_at - time.time()"),
        ),
        tests=(f"{WRONG_CLOCKS}test_a_lane_waits_its_pace_and_no_longer",),
    ),
    _mutant(
        "clocks: a date of the provider counts from the response's own",
        "providers/anthropic/rate_limit_headers.py",
        "(moment := _http_date(text))), None)\n",
        "(moment := _http_date(text)) is None), datetime.now(UTC))\n",
        "tests/unit/providers/test_translate.py::"
        "test_retry_after_may_be_a_date_which_counts_from_the_responses_own",
    ),
    _mutant(
        "clocks: a worker's wrong one is told of",
        "runs/reads/clocks.py",
        "abs(ahead_s) > MOST_AHEAD_S",
        "abs(ahead_s) < MOST_AHEAD_S",
        f"{WRONG_CLOCKS}test_a_worker_tells_how_wrong_its_clock_is",
    ),
)

NUMBERS = (
    _mutant(
        "numbers: a wait beyond the longest pauses the run",
        "workers/caller.py",
        "failed.within(settings.LONGEST_WAIT_S)",
        "failed.within(float('inf'))",
        f"{ATTEMPTS}test_a_wait_beyond_the_longest_pauses_the_run_and_closes_no_gate",
    ),
    _mutant(
        "numbers: what Redis holds of a gate is finite",
        f"{LUA}state.lua",
        "  if not value or value ~= value or math.abs(value) > NUMBER_MOST then",
        "  if not value then",
        f"{GATES}test_whatever_is_stored_the_gate_answers_and_lets_calls_go",
    ),
    _mutant(
        "numbers: a mistaken usage leaves a debt of ten minutes at most",
        f"{LUA}keys.lua",
        "local DEBT_MOST_S = 600 ",
        "local DEBT_MOST_S = 600000 ",
        f"{GATES}test_a_mistaken_usage_costs_ten_minutes_at_most",
    ),
    _mutant(
        "numbers: what Redis holds of a gate is told as far as it makes sense",
        "limiter/status.py",
        "    return value if abs(value) <= _NUMBER_MOST else 0.0\n",
        "    return value\n",
        f"{QUEUE}test_whatever_redis_holds_of_a_gate_the_status_is_told",
    ),
    _mutant(
        "numbers: a gate that PostgreSQL alone remembers is told closed",
        "limiter/status.py",
        "    closed = _closed(state, moment) if state else remembered\n",
        "    closed = _closed(state, moment)\n",
        f"{QUEUE}test_a_gate_that_postgresql_alone_remembers_is_told_closed",
    ),
)

GATES_BY_HAND = (
    _mutant(
        "gates by hand: what was recalled before an opening does not close it again",
        f"{LUA}closing.lua",
        "if recalled_at > 0 and recalled_at <= number('set_at', 0) then",
        "if recalled_at < 0 then",
        f"{BY_HAND}test_what_was_recalled_before_the_opening_does_not_close_it_again",
    ),
    _mutant(
        "gates by hand: an opening clears PostgreSQL too",
        "runs/gates.py",
        "        Closure.objects.filter(gate=gate).delete()\n",
        "",
        f"{BY_HAND}test_what_the_provider_closed_is_opened_everywhere",
    ),
    _mutant(
        "gates by hand: an opening wakes the lanes that wait for it",
        DISPATCH_SQL,
        "    WHERE run.completed_at IS NULL AND run.model = ANY(%(models)s)\n"
        "      AND lane.state = 'parked' AND lane.wait_reason = ANY(%(reasons)s)\n",
        "    WHERE false AND run.model = ANY(%(models)s)\n"
        "      AND lane.state = 'parked' AND lane.wait_reason = ANY(%(reasons)s)\n",
        f"{BY_HAND}test_an_opened_gate_wakes_the_lanes_that_wait_for_it",
    ),
    _mutant(
        "gates by hand: a closing ends within a month, by the database's clock",
        "runs/gates.py",
        "asked__gt=Now(), asked__lte=latest",
        "asked__gt=EPOCH",
        f"{BY_HAND}test_a_time_within_a_month_is_judged_by_the_databases_clock",
    ),
    _mutant(
        "gates by hand: who is sent away comes back within minutes",
        "limiter/permit_queue.py",
        "        wait_s = min(wait_s, MOST_PARKED_S)\n",
        "",
        f"{BY_HAND}test_whoever_is_sent_away_by_a_closed_gate_comes_back_within_minutes",
    ),
)

REFUSALS = (
    _mutant(
        "refusals: only the API itself rejects a key or a model",
        TRANSLATE,
        "    if refusal.by_api:\n",
        "    if True:\n",
        f"{TRANSLATED}test_what_only_the_api_may_say_pauses_the_run_when_another_one_says_it",
    ),
    _mutant(
        "refusals: an account's trouble is told by its words",
        TRANSLATE,
        "    return next((meant for pattern, meant in CLASS_OF_WORDS if ",
        "    return next((meant for pattern, meant in CLASS_OF_WORDS if not words and ",
        f"{TRANSLATED}test_words_that_are_not_about_the_epic_mean_the_same_at_any_status",
    ),
    _mutant(
        "refusals: one prompt that is too long is its epic's alone",
        TRANSLATE,
        "    if _TOO_LONG.search(words):\n",
        "    if not words:\n",
        f"{ATTEMPTS}test_a_prompt_that_is_too_long_fails_its_epic_and_closes_no_gate",
    ),
    _mutant(
        "refusals: an error inside of a success is one",
        "providers/anthropic/client.py",
        "        if refused := refusal_of(response):\n",
        "        if (refused := refusal_of(response)) and not refused:\n",
        "tests/unit/providers/test_client.py::test_a_refusal_inside_a_success_is_called_what_it_is",
    ),
)

_ASKED_FOR_ALL = """            return [ask(asked)]
        except Exception as error:
            if is_outage(error):
"""
_ONE_CLIENT = """                if is_outage(error):
                    raise
                log.exception("a stream of run"""
LIVE = (
    _mutant(
        "live: a run whose news cannot be read ends alone",
        "runs/live/follower.py",
        "                self._alone(followed, self._look)\n",
        "                self._look(followed)\n",
        f"{ALONE}test_a_run_that_cannot_be_followed_ends_its_own_streams_only[row_that_cannot_be_shown]",
    ),
    _mutant(
        "live: what Redis refuses for all runs at once is asked for each alone",
        "runs/live/follower.py",
        _ASKED_FOR_ALL,
        _ASKED_FOR_ALL.replace("is_outage(error)", "error"),
        f"{ALONE}test_a_run_that_cannot_be_followed_ends_its_own_streams_only[refused_command]",
    ),
    _mutant(
        "live: what one client's place does to Redis is that client's",
        "runs/live/follower.py",
        _ONE_CLIENT,
        _ONE_CLIENT.replace("is_outage(error)", "error"),
        "tests/integration/live/test_follower.py::test_a_client_that_cannot_be_served_ends_alone",
    ),
    _mutant(
        "live: a stream that cannot be read is dropped",
        "runs/live/stream.py",
        "        forget(run_id)\n        return None\n",
        "        raise\n",
        "tests/integration/live/test_stream.py::test_a_stream_that_nobody_can_read_is_dropped",
    ),
    _mutant(
        "live: ids have bounds",
        "runs/live/events.py",
        "min(int(part), _MOST)",
        "int(part)",
        f"{ALONE}test_an_id_that_redis_cannot_count_to_holds_nobody_up",
    ),
    _mutant(
        "live: a cursor's numbers have bounds",
        "runs/live/changes.py",
        "0 <= value < 2**63",
        "True",
        "tests/integration/live/test_changes.py::test_what_is_no_cursor_is_refused",
    ),
)

SETTINGS = (
    _mutant(
        "settings: two passwords for one server",
        "batchgen/env.py",
        'if ":" in user or ',
        "if ",
        "tests/unit/batchgen/test_secrets.py::test_two_passwords_are_refused",
    ),
    _mutant(
        "settings: what does not fit together stops the start",
        "batchgen/settings.py",
        "if _refusals := cross_checks.refusals(globals()):\n",
        "if _refusals := []:\n",
        "tests/unit/batchgen/test_cross_checks.py::test_every_program_refuses_and_names_both_settings",
    ),
    _mutant(
        "settings: a short key signs nothing in production",
        "batchgen/cross_checks.py",
        "(len(key) < _LEAST_KEY or ",
        "(",
        "tests/unit/batchgen/test_cross_checks.py::test_what_breaks_promises_is_refused",
    ),
)

BROKEN = (
    _mutant(
        "broker: a command is looked at before Celery sees it",
        "batchgen/redis/broker.py",
        "                check_content(queue, message)\n",
        "",
        "tests/acceptance/attacks/test_broken_messages.py::test_broken_commands_are_dropped",
    ),
    _mutant(
        "metrics: no page whose name leads here reads them",
        "runs/reads/exposition.py",
        "    return inside and is_internal_host(",
        "    return inside or is_internal_host(",
        "tests/integration/api/test_behind_proxies.py::"
        "test_a_page_whose_name_leads_here_reads_no_metrics",
    ),
)

PROXIES_PY = "batchgen/http/proxies.py"
BEHIND = "tests/integration/api/test_behind_proxies.py::"
PROXIED = "tests/unit/batchgen/test_proxies.py::"
PROXIES = (
    _mutant(
        "proxies: nobody is believed who is not trusted",
        PROXIES_PY,
        "        if not is_trusted(peer):\n",
        "        if False:\n",
        f"{BEHIND}test_who_is_no_proxy_cannot_take_another_address_for_each_try",
    ),
    _mutant(
        "proxies: what stands left of the client is its own word",
        PROXIES_PY,
        "        if settings.TRUSTED_PROXIES is None or not is_trusted(hop):\n            break\n",
        "",
        f"{BEHIND}test_a_strangers_wrong_passwords_lock_out_the_stranger_alone",
    ),
    _mutant(
        "proxies: where every peer is trusted, no hop is",
        PROXIES_PY,
        "settings.TRUSTED_PROXIES is None or not is_trusted(hop)",
        "not is_trusted(hop)",
        f"{PROXIED}test_where_every_peer_is_trusted_its_own_word_counts_and_no_other",
    ),
    _mutant(
        "metrics: a trusted proxy's requests come from outside",
        PROXIES_PY,
        """    if getattr(request, "scope", {}).get(_PROXIED):\n        return True\n""",
        "",
        f"{BEHIND}test_metrics_are_for_who_asks_from_inside_and_directly",
    ),
    _mutant(
        "metrics: from public addresses there is no such page",
        "runs/reads/exposition.py",
        "address is not None and not address.is_global and ",
        "",
        f"{BEHIND}test_metrics_are_for_who_asks_from_inside_and_directly",
    ),
    _mutant(
        "probes: asked by any name",
        "batchgen/settings.py",
        """    "batchgen.http.probes.ProbesMiddleware",\n""",
        "",
        f"{BEHIND}test_probes_ask_by_any_name_and_without_tls",
    ),
)

SESSIONS = (
    _mutant(
        "a connection whose packets nobody takes is given up",
        "batchgen/db/postgresql/url.py",
        "            **_PATIENCE,\n",
        "",
        "tests/unit/batchgen/test_database_url.py::test_a_network_that_drops_packets_is_noticed_unless_told_otherwise",
    ),
    _mutant(
        "a session's settings, whatever the role has",
        "batchgen/db/postgresql/base.py",
        '            own = {"options": startup_options(session, parameters.get("options", ""))}\n',
        "            own = {}\n",
        f"{SESSION}test_each_setting_holds",
    ),
    _mutant(
        "a pooled transaction's settings",
        "batchgen/db/postgresql/pooled.py",
        "        return (begin(info.server_version) + statement).encode()\n",
        "        return statement.encode()\n",
        f"{SESSION}test_each_setting_holds",
    ),
    _mutant(
        "a pooled transaction's settings end with it",
        "batchgen/db/postgresql/session.py",
        '*(f"SET LOCAL {name}',
        '*(f"SET {name}',
        f"{SESSION}test_nothing_of_ours_stays_with_the_pooler",
    ),
    _mutant(
        "a read-only server is one that is away",
        "batchgen/db/postgresql/base.py",
        "        if isinstance(exc_value, psycopg.errors.ReadOnlySqlTransaction):\n",
        "        if exc_value is self:\n",
        f"{READ_ONLY}test_a_write_is_refused_with_503_and_a_time_to_come_back",
    ),
    _mutant(
        "a read-only server's connections are given up",
        "batchgen/db/sql.py",
        "            renew(engine_pool())\n",
        "            pass\n",
        f"{READ_ONLY}test_the_engine_waits_for_a_server_that_takes_writes",
    ),
    _mutant(
        "a connection whose server has spoken is asked",
        "batchgen/db/postgresql/base.py",
        "    return not poll.poll(0)\n",
        "    return True\n",
        "tests/integration/postgresql/test_dead_connections.py::"
        "test_a_pool_of_dead_connections_answers_at_the_first_request",
    ),
    _mutant(
        "a pool's dead connections are passed over",
        "batchgen/db/postgresql/base.py",
        "            if not self.pool or self._is_alive(connection):\n",
        "            if connection:\n",
        "tests/integration/postgresql/test_dead_connections.py::"
        "test_a_pool_of_dead_connections_answers_at_the_first_request",
    ),
    _mutant(
        "ready only where writes are taken",
        "batchgen/http/health.py",
        '        if cursor.fetchone() == ("on",):\n',
        "        if cursor.fetchone() is None:\n",
        f"{READ_ONLY}test_it_is_not_ready",
    ),
    _mutant(
        "a pooler is known by its connections",
        "batchgen/db/postgresql/compatibility.py",
        "    if _server(connection) == connection.info.backend_pid:\n",
        "    if _server(connection):\n",
        f"{START}test_a_pooler_that_passes_everything_on_is_known_by_its_connections",
    ),
    _mutant(
        "a worker waits for the migrations",
        "workers/signals.py",
        "        if missing := migrations_missing():\n",
        "        if missing := migrations_missing()[:0]:\n",
        f"{START}test_before_the_migrations_a_worker_says_so_and_waits",
    ),
)

_CLIENT = "tests/unit/providers/test_client.py::"
_FORMS = "tests/unit/content/test_answer_forms.py::"
ANSWERS = (
    _mutant(
        "answers: every text is storable",
        "providers/cleaning.py",
        '    return text.replace("\\x00", "")\n',
        "    return text\n",
        f"{_CLIENT}test_every_text_can_be_stored",
    ),
    _mutant(
        "answers: a body without end is not read to its end",
        "providers/anthropic/sdk.py",
        "                if len(chunk) > left:\n",
        "                if left < 0 < len(chunk) < 0:\n",
        f"{_CLIENT}test_an_answer_without_end_is_not_read_to_its_end",
    ),
    _mutant(
        "calls: none begins once close has begun",
        "providers/anthropic/calls.py",
        "                        if self._closed:\n",
        "                        if self._closed and not self._closed:\n",
        f"{_CLIENT}test_no_call_begins_once_close_has_begun",
    ),
    _mutant(
        "calls: closing the client aborts them",
        "providers/anthropic/calls.py",
        "                deadline.reschedule(0)\n",
        "                deadline.reschedule(deadline.when())\n",
        f"{_CLIENT}test_close_ends_the_calls_within_a_second",
    ),
    _mutant(
        "calls: the deadline covers the whole one",
        "providers/anthropic/calls.py",
        "deadline.reschedule(asyncio.get_running_loop().time() + within_s)",
        "deadline.reschedule(asyncio.get_running_loop().time() + 10 * within_s)",
        f"{_CLIENT}test_the_deadline_covers_the_whole_call",
    ),
    _mutant(
        "calls: no more at the same time than files may be open",
        "providers/anthropic/client.py",
        "    if possible >= wanted:\n",
        "    if possible >= 0 <= wanted:\n",
        f"{_CLIENT}test_a_process_that_may_open_few_files_says_so_and_calls_take_turns",
    ),
    _mutant(
        "answers: a usage that cannot be believed is unknown",
        "providers/anthropic/wire.py",
        "    if None in counts:\n        return None\n",
        "    counts = tuple(count or 0 for count in counts)\n",
        f"{_CLIENT}test_what_was_paid_for_is_kept_whatever_the_bookkeeping",
    ),
    _mutant(
        "answers: one of unknown cost is not paid for again",
        CLAIMS_SQL,
        " OR claimed.unknown_calls > 0 THEN (",
        " THEN (",
        f"{ATTEMPTS}test_an_answer_of_unknown_cost_is_kept_for_a_later_attempt_too",
    ),
    _mutant(
        "answers: unknown usage is counted beside the totals",
        CALLS_SQL,
        "        unknown_calls = counter.unknown_calls + spent.unknown_calls\n",
        "        unknown_calls = counter.unknown_calls\n",
        f"{ATTEMPTS}test_an_answer_of_unknown_cost_is_kept_for_a_later_attempt_too",
    ),
    _mutant(
        "answers: unknown usage teaches the limiter nothing",
        "workers/permits.py",
        "            self._queue.forget(self._reservation)\n        else:",
        "            self._queue.settle(self._reservation, Amounts(1))\n        else:",
        f"{PERMIT_QUEUE}test_a_call_whose_usage_nobody_said_teaches_nothing_about_others",
    ),
    _mutant(
        "answers: the first story of a broken set is no set",
        "content/answer_sets.py",
        "            return None if torn else {form.name: [value]}\n",
        "            return {form.name: [value]}\n",
        f"{_FORMS}test_what_has_two_meanings_or_none_is_a_defect",
    ),
    _mutant(
        "answers: one of two sets is nobody's to choose",
        "content/answer_sets.py",
        "    if len(sets) > 1:\n",
        "    if len(sets) > 9:\n",
        f"{_FORMS}test_what_has_two_meanings_or_none_is_a_defect",
    ),
    _mutant(
        "answers: stories beyond the mode's are cut",
        "content/stories/stages/post_processing.py",
        "    best = _best(needed, most)\n",
        "    best = needed\n",
        "tests/unit/content/test_stories_quality.py::"
        "test_of_too_many_stories_the_best_are_kept_and_a_note_says_so",
    ),
    _mutant(
        "answers: only what is surely wrong is repaired",
        "content/stories/stages/quality_validation.py",
        "        severe = any(defect.is_grave for defect in every)\n",
        '        severe = any(defect.severity == "high" for defect in every)\n',
        "tests/unit/content/test_stories_quality.py::"
        "test_what_is_not_surely_wrong_costs_no_second_call",
    ),
    _mutant(
        "answers: what is stored comes in again",
        "content/stories/drafts.py",
        '        technical_notes=shortened(story.technical_notes or "", bounds.TEXT_CHARS)'
        " or None,\n",
        "",
        f"{_ENGINE}test_any_answer.py::test_what_is_stored_comes_in_again",
    ),
    _mutant(
        "answers: what a repair does not write again stays",
        "content/rewriting.py",
        "        if place in places or place not in gone\n",
        "        if place in places\n",
        "tests/unit/content/test_rewriting.py::test_what_is_written_again_takes_its_place",
    ),
    _mutant(
        "answers: what was cut stays a defect when other stories are repaired",
        "content/stories/drafts.py",
        "if defect.criterion == LIMIT])\n    return replace(draft, quality_score=None",
        "if False])\n    return replace(draft, quality_score=None",
        "tests/unit/content/test_stories_quality.py::"
        "test_what_was_cut_stays_a_defect_when_others_are_written_again",
    ),
    _mutant(
        "answers: a criterion is put together of three clauses alone",
        "content/sentences.py",
        "if len(clauses) != len(self.criterion) or not all(clauses):\n",
        "if len(clauses) != len(self.criterion):\n",
        "tests/unit/content/test_sentences.py::"
        "test_a_criterion_is_put_together_of_three_clauses_alone",
    ),
)

_CONNECTION = "batchgen/web/connection.py"
_ON_CONNECTIONS = "tests/integration/api/test_connections.py::"
CONNECTIONS = (
    _mutant(
        "connections: a head has a most length",
        _CONNECTION,
        "            self._overhead += len(part)\n",
        "",
        f"{_ON_CONNECTIONS}test_what_is_no_body_has_a_most_length",
    ),
    _mutant(
        "connections: a head's deadline holds after an answer too",
        _CONNECTION,
        "            self._wait_for_head(self.timeout_keep_alive + settings.HEAD_TIMEOUT_S)\n",
        "            pass\n",
        f"{_ON_CONNECTIONS}test_a_second_half_head_is_not_waited_for_either",
    ),
    _mutant(
        "connections: those at work do not give way",
        "batchgen/web/open_connections.py",
        '        """A request of it has begun."""\n        self._idle.pop(connection, None)\n',
        '        """A request of it has begun."""\n',
        f"{_ON_CONNECTIONS}test_those_who_wait_give_way_and_those_at_work_do_not",
    ),
    _mutant(
        "connections: a trailer is no header",
        _CONNECTION,
        "        if self._in_head:\n            super().on_header",
        "        if True:\n            super().on_header",
        f"{_ON_CONNECTIONS}test_a_trailer_is_no_header",
    ),
    _mutant(
        "connections: an answer that is sent holds no database connection",
        "batchgen/asgi.py",
        "            close_old_connections()\n",
        "            pass\n",
        "tests/acceptance/attacks/test_slow_readers.py::"
        "test_answers_that_nobody_reads_hold_no_database_connection",
    ),
    _mutant(
        "connections: who does not read is cut off",
        _CONNECTION,
        "        if self._write_timer is None:\n            self._wait_for_reader()\n",
        "",
        "tests/acceptance/attacks/test_slow_readers.py::test_who_does_not_read_is_cut_off",
    ),
)

_ITEMS = "tests/integration/engine/test_items.py::"
ITEMS = (
    _mutant(
        "items: the next one has the highest priority",
        FINISHES_SQL,
        '        ORDER BY priority DESC, "order"\n        LIMIT wanted.lanes\n',
        '        ORDER BY "order"\n        LIMIT wanted.lanes\n',
        f"{_ITEMS}test_the_next_item_is_the_one_with_the_highest_priority",
    ),
    _mutant(
        "items: lanes are given those with the highest priority",
        DISPATCH_SQL,
        '    ORDER BY priority DESC, "order"\n    LIMIT (SELECT COUNT(*) FROM empty)',
        '    ORDER BY "order"\n    LIMIT (SELECT COUNT(*) FROM empty)',
        f"{_ITEMS}test_lanes_that_are_given_items_take_those_with_the_highest_priority",
    ),
    _mutant(
        "items: one that is tried again goes behind its equals",
        FINISHES_SQL,
        "GREATEST(0, priority - lane.lower)",
        "GREATEST(0, priority - 0 * lane.lower)",
        f"{_ITEMS}test_an_item_that_is_tried_again_goes_behind_its_equals",
    ),
    _mutant(
        "items: a wait for a limit keeps the lane",
        DISPATCH_SQL,
        "SELECT id FROM due WHERE wait_reason = 'backoff'",
        "SELECT id FROM due",
        f"{_ITEMS}test_a_wait_for_a_limit_lowers_nothing_and_keeps_the_lane",
    ),
    _mutant(
        "items: a lane whose item was outranked is not left behind",
        DISPATCH_SQL,
        "    WHERE runs_lane.id = behind.lane_id\n      AND NOT EXISTS",
        "    WHERE false AND runs_lane.id = behind.lane_id\n      AND NOT EXISTS",
        f"{_ITEMS}test_a_lane_whose_item_others_outranked_first_is_not_left_behind",
    ),
    _mutant(
        "items: only what waits is given a priority",
        "runs/engine/items.py",
        "        id=item.id, status=ItemStatus.PENDING, run__status__in=ACTIVE",
        "        id=item.id",
        f"{_ITEMS}test_only_what_waits_can_be_given_a_priority",
    ),
    _mutant(
        "items: a run's end that waits for an addition counts it",
        TRANSITIONS_SQL,
        "          AND total.completed + total.failed + total.skipped + total.cancelled\n"
        "              = runs_run.total_items\n",
        "",
        f"{_ITEMS}test_a_run_whose_end_waits_for_an_addition_goes_on",
    ),
)

_RIGHTS = "tests/integration/api/test_rights_that_end.py::"
_SIGN_IN = "tests/integration/api/test_sign_in.py::"
RIGHTS = (
    _mutant(
        "rights: a reused refresh token ends its family",
        "batchgen/accounts/tokens.py",
        "            _end(token)\n    if not first:",
        "            pass\n    if not first:",
        f"{_SIGN_IN}test_a_refresh_token_that_comes_again_ends_its_family",
    ),
    _mutant(
        "rights: two tabs are no theft",
        "batchgen/accounts/tokens.py",
        "        elif rows.filter(blacklisted_at__lt=Now() - timedelta(seconds=GRACE_S)).exists()",
        "        elif rows.exists()",
        f"{_SIGN_IN}test_of_many_who_spend_one_token_one_gets_new_ones",
    ),
    _mutant(
        "rights: an access token dies with its family",
        "batchgen/accounts/tokens.py",
        "User.objects.filter(~Exists(ended), pk",
        "User.objects.filter(pk",
        f"{_SIGN_IN}test_signing_out_ends_the_access_token_too",
    ),
    _mutant(
        "rights: an address alone locks nobody out",
        "batchgen/accounts/login_throttle.py",
        " if key != of_address]:",
        "]:",
        f"{_SIGN_IN}test_a_right_password_is_not_refused_for_its_address",
    ),
    _mutant(
        "rights: an address with too many wrong tries gets one look at a time",
        "batchgen/accounts/login_throttle.py",
        "        if address in _looked_at:\n",
        "        if False:\n",
        f"{_SIGN_IN}test_passwords_of_an_address_with_too_many_are_looked_at_one_at_a_time",
    ),
    _mutant(
        "rights: a write of the backlog looks at the role again",
        "epics/access.py",
        "        role_hold(user=user, project_id=project_id, role=role)\n",
        "",
        f"{_RIGHTS}test_a_write_waits_for_who_takes_the_right_away",
    ),
    _mutant(
        "rights: what goes into a run's trail looks at the role again",
        "runs/engine/trail.py",
        "        role_hold(user=user, project_id=project_id, role=Role.EDITOR)\n",
        "        pass\n",
        f"{_RIGHTS}test_a_write_waits_for_who_takes_the_right_away",
    ),
    _mutant(
        "rights: the member stays while the write lasts",
        "epics/access.py",
        " AND NOT invited FOR SHARE\n",
        " AND NOT invited\n",
        f"{_RIGHTS}test_a_write_waits_for_who_takes_the_right_away",
    ),
    _mutant(
        "rights: the user stays while the write lasts",
        "epics/access.py",
        " AND is_active FOR SHARE\n",
        " AND is_active\n",
        f"{_RIGHTS}test_a_write_waits_for_who_takes_the_right_away",
    ),
    _mutant(
        "rights: a repeated key asks for the rights of now",
        "batchgen/api/idempotency.py",
        '                allowed(user=request.user, **({"data": data} if of_answer else kwargs))\n',
        "                pass\n",
        "tests/integration/api/test_idempotency.py::test_a_repetition_asks_for_the_rights_of_now",
    ),
    _mutant(
        "rights: a repeated key waits for who takes the right away",
        "epics/access.py",
        "    with role_held(user=user, project_id=project_id, role=role):\n        pass\n",
        "    project_require(user=user, project=Project(pk=project_id), role=role)\n",
        f"{_RIGHTS}test_a_repetition_waits_for_who_takes_the_right_away",
    ),
    _mutant(
        "rights: who changes a gate is staff still",
        "runs/gates.py",
        "            staff_hold(user=actor)\n",
        "            pass\n",
        f"{_RIGHTS}test_a_write_waits_for_who_takes_the_right_away",
    ),
    _mutant(
        "rights: Flower behind the proxy is for staff alone",
        "batchgen/accounts/staff.py",
        "    allowed = admin.site.has_permission(request) and",
        "    allowed =",
        "tests/integration/api/test_staff.py::test_staff_alone_is_let_through",
    ),
    _mutant(
        "rights: no other site's page uses Flower with the session of staff",
        "batchgen/accounts/staff.py",
        " and _is_of_this_site(request)\n",
        "\n",
        "tests/integration/api/test_staff.py::test_a_page_of_another_origin_is_not",
    ),
    _mutant(
        "rights: whoever is invited has none",
        "epics/access.py",
        "user=user_id, invited=False)",
        "user=user_id)",
        "tests/integration/epics/test_members.py::TestInvitations::"
        "test_whoever_is_invited_has_no_right_before_they_accept",
    ),
    _mutant(
        "rights: the admin locks the projects that it may leave without an owner",
        "epics/members.py",
        '    list(held.select_for_update(no_key=True).order_by("pk").values_list("pk"))\n',
        "",
        "tests/integration/epics/test_admin_members.py::"
        "test_two_owners_who_are_deactivated_at_the_same_moment_leave_one",
    ),
)

_ENDED = "tests/acceptance/attacks/test_ended_rights.py::"
STREAM_RIGHTS = (
    _mutant(
        "streams: open streams are asked about again",
        "runs/live/asgi.py",
        "                    served.cut()\n",
        "                    pass\n",
        f"{_ENDED}test_a_stream_ends_with_the_right_to_it",
    ),
    _mutant(
        "streams: a stream ends with its password",
        "runs/live/queries.sql",
        "  AND auth_user.password = asked.password\n",
        "",
        f"{_ENDED}test_a_stream_ends_with_the_right_to_it",
    ),
    _mutant(
        "streams: a stream ends with the family of its token",
        "runs/live/queries.sql",
        "    SELECT FROM batchgen_endedfamily WHERE family = asked.family\n",
        "    SELECT FROM batchgen_endedfamily WHERE false\n",
        f"{_ENDED}test_a_stream_and_a_tickets_end_with_the_sign_in_by_token",
    ),
    _mutant(
        "streams: a stream ends with its session",
        "runs/live/queries.sql",
        "  AND (asked.session_key IS NULL OR EXISTS (",
        "  AND (true OR EXISTS (",
        f"{_ENDED}test_a_stream_ends_with_its_session",
    ),
    _mutant(
        "streams: who does not read is cut off too",
        "runs/live/asgi.py",
        "                _abort(scope)\n",
        "                pass\n",
        f"{_ENDED}test_who_does_not_read_loses_the_stream_as_soon",
    ),
    _mutant(
        "streams: a ticket is no better than its token",
        "runs/live/views.py",
        "        return request.auth.until\n",
        "        return time.time() + 900\n",
        f"{_ENDED}test_a_tickets_stream_ends_with_the_token_that_got_it",
    ),
    _mutant(
        "streams: a ticket ends with its password",
        "runs/live/tickets.py",
        ' or value["password"] != _mark(user)',
        "",
        f"{_ENDED}test_a_ticket_is_good_while_its_password_is",
    ),
)

ROOMS = (
    _mutant(
        "rooms: runs keep their project from being deleted",
        "runs/apps.py",
        "        deletion_guard_register(projects.open_run_refuse)\n",
        "",
        "tests/integration/epics/test_projects.py::test_a_project_with_an_active_run_stays",
    ),
)

_WEB_GUARDS = (
    _mutant(
        "web: a page is for who is signed in",
        "web/page.py",
        "                if signed_in and not request.user.is_authenticated:\n",
        "                if not signed_in:\n",
        f"{_WEB}test_shell.py::test_the_entrance_leads_to_the_sign_in_and_back",
    ),
    _mutant(
        "web: nobody is led to another site",
        "web/page.py",
        "    return wanted if wanted and safe else otherwise\n",
        "    return wanted or otherwise\n",
        f"{_WEB}test_shell.py::test_nobody_is_led_elsewhere",
    ),
    _mutant(
        "web: what is checked is not stored",
        "web/views/imports.py",
        '        if request.POST.get("action") == "import":\n',
        '        if request.POST.get("action"):\n',
        f"{_WEB}test_projects.py::test_an_import_is_checked_before_anything_is_stored",
    ),
    _mutant(
        "web: a review is of the version that was seen",
        "web/views/parts.py",
        "            if reviewed.conflicts:\n                raise VersionConflict\n",
        "",
        f"{_WEB}test_story.py::test_a_review_is_of_the_version_that_was_seen",
    ),
    _mutant(
        "web: a retry takes what failed with that error alone",
        "runs/engine/controls.py",
        "        wanted &= Q(error_code__in=error_codes)\n",
        "        pass\n",
        "tests/integration/runs_api/test_errors.py::"
        "test_a_retry_takes_what_failed_with_these_errors_alone",
    ),
)

_CALLER = "workers/caller.py"

OF_JOBS = (
    _mutant(
        "job: others have the permit",
        _CALLER,
        "        self.close()\n        await self._go_on()\n",
        "        await self._go_on()\n",
        f"{JOBS}test_others_have_the_permit_while_a_job_runs",
    ),
    _mutant(
        "job: others work on their answers",
        _CALLER,
        "await in_thread(kind.jobs[job.name], **job.args)",
        "kind.jobs[job.name](**job.args)",
        f"{JOBS}test_others_work_on_their_answers_while_a_job_runs",
    ),
    _mutant(
        "job: an attempt that was given up ends with it",
        _CALLER,
        "        if not self._aborted:\n            return\n",
        "        return\n",
        f"{JOBS}test_an_attempt_that_was_given_up_ends_with_its_job",
    ),
    _mutant(
        "job: an answer before it is booked and kept",
        _CALLER,
        "            await self._book(response=_kept(*self._answered))\n",
        "            pass\n",
        f"{JOBS}test_an_answer_before_a_job_that_was_given_up_is_kept",
    ),
    _mutant(
        "job: no connection stays with it",
        _CALLER,
        "await in_thread(kind.jobs",
        "await asyncio.to_thread(kind.jobs",
        f"{JOBS}test_a_job_leaves_no_connection_to_the_calls_after_it",
    ),
    _mutant(
        "job: PostgreSQL being away is no failure of the item",
        "workers/attempt.py",
        "        except (StaleAttempt, *_AWAY):\n",
        "        except (StaleAttempt, psycopg.OperationalError):\n",
        f"{JOBS}test_a_database_that_is_away_in_a_job_fails_nothing",
    ),
)

STORED_EPICS = (
    _mutant(
        "epics: who makes one at the same moment is waited for",
        EPICS_SQL,
        "FROM epics_project WHERE id = done.target_id\n        FOR NO KEY UPDATE\n",
        "FROM epics_project WHERE id = done.target_id\n",
        f"{EPICS}TestRaces::test_one_that_is_made_to_depend_on_what_goes_depends_on_nothing",
    ),
    _mutant(
        "epics: those that another run has open stay",
        EPICS_SQL,
        "    UNION SELECT id FROM epics_busy\n",
        "",
        f"{EPICS}TestKept::test_one_that_is_open_in_another_run_stays",
    ),
    _mutant(
        "epics: those stay whose stories another run has open",
        EPICS_SQL,
        "    UNION SELECT epic_id FROM epics_below WHERE id IN (SELECT id FROM epics_busy)\n",
        "",
        f"{EPICS}TestKept::test_one_of_whose_stories_subtasks_are_written_stays",
    ),
    _mutant(
        "epics: a run that was started while they waited for the project counts",
        "runs/migrations/0018_targets_elsewhere.py",
        "RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE",
        "RETURNS SETOF uuid LANGUAGE plpgsql STABLE",
        f"{EPICS}TestRaces::test_one_that_a_run_is_started_for_stays",
        schema=True,
    ),
    _mutant(
        "epics: kept ones stay",
        EPICS_SQL,
        "FROM epics_before WHERE id NOT IN (SELECT id FROM epics_stay)\n",
        "FROM epics_before\n",
        f"{EPICS}TestKept::test_what_a_person_touched_stays_unless_told_otherwise",
    ),
    _mutant(
        "epics: new ones take codes that are free, in any case",
        EPICS_SQL,
        "AND upper(standing.code) = 'E' || number\n",
        "AND standing.code = 'E' || number\n",
        f"{EPICS}TestKept::test_a_code_in_lower_case_is_taken_too",
    ),
    _mutant(
        "epics: kept ones no longer depend on what goes",
        EPICS_SQL,
        "    SELECT gone.project_id, epics_independent(gone.project_id, array_agg(gone.code)),\n",
        "    SELECT gone.project_id,\n",
        f"{EPICS}TestKept::test_they_no_longer_depend_on_what_goes",
    ),
    _mutant(
        "epics: items of ended runs forget what goes",
        EPICS_SQL,
        "           runs_targets_gone(array_agg(gone.id) || ARRAY(\n",
        "           (array_agg(gone.id) || ARRAY(\n",
        f"{EPICS}test_items_of_ended_runs_forget_what_goes",
    ),
    _mutant(
        "epics: one that is given another code is named by that",
        EPICS_SQL,
        "    FOR SHARE OF epic\n",
        "",
        f"{EPICS}TestRaces::test_one_that_is_given_another_code_is_named_by_it",
    ),
    _mutant(
        "epics: a card that is being deleted is in none",
        EPICS_SQL,
        "WHERE id = listed.id\n        FOR KEY SHARE\n",
        "WHERE id = listed.id\n",
        f"{EPICS}TestRaces::test_a_card_that_is_deleted_is_in_no_epic",
    ),
    _mutant(
        "epics: the first ones are nobody's change",
        EPICS_SQL,
        "    WHERE before.rows IS NOT NULL\n",
        "",
        f"{EPICS}test_epics_are_stored_with_cards_dependencies_and_places",
    ),
    _mutant(
        "epics: every card is in one, or told of",
        "content/epics/pipeline.py",
        "    placed = with_left_out(epics, cards, left_out)\n",
        "    placed = with_left_out(epics, cards, left_out[:0])\n",
        f"{EPICS_RUN}TestLeftOut::test_it_goes_where_it_is_most_alike",
    ),
    _mutant(
        "epics: what no answer merges keeps its cards",
        "content/epics/merging.py",
        "    if not checked.left_out:\n",
        "    if checked.left_out is not None:\n",
        f"{EPICS_RUN}TestGroups::test_an_epic_that_no_answer_merges_keeps_its_cards",
    ),
    _mutant(
        "epics: a kept answer is one about the same cards",
        "content/epics/requests.py",
        'first=Request(key=f"{key}-{digest}",',
        'first=Request(key=f"{key}-{digest[:0]}",',
        f"{EPICS_RUN}TestGroups::test_the_same_cards_ask_the_same_and_other_cards_something_else",
    ),
    _mutant(
        "epics: a circle of dependencies is cut",
        "content/epics/dependencies.py",
        "    while circle := cycle_in(kept):\n",
        "    while circle := cycle_in({}):\n",
        f"{EPICS_RUN}TestOneCall::"
        "test_without_the_quality_check_nothing_is_repaired_and_all_is_put_right",
    ),
)
UPLOADED = (
    _mutant(
        "uploads: entities are refused before a library sees them",
        "epics/files/readers/archives.py",
        "forbid_dtd=True",
        "forbid_dtd=False, forbid_entities=False, forbid_external=False",
        f"{_READERS}test_each_is_refused_for_what_it_is",
    ),
    _mutant(
        "uploads: what an archive unpacks to is counted",
        "epics/files/readers/archives.py",
        "        if left < 0:\n",
        "        if False:\n",
        f"{_READERS}test_each_is_refused_for_what_it_is",
    ),
    _mutant(
        "uploads: a reader that is too slow is killed",
        "epics/files/upload_text.py",
        "        late.start()\n",
        "",
        "tests/unit/epics/test_readers.py::TestProcess::test_one_that_is_too_slow_is_killed",
    ),
    _mutant(
        "uploads: one of a run that is not over is not deleted",
        "runs/engine/open_targets.py",
        "    if model is Upload:\n        _refuse_open(ids)\n",
        "",
        f"{_CARD_RUNS}test_an_upload_of_a_run_that_is_not_over_is_not_deleted",
    ),
    _mutant(
        "retries: priorities that people gave are kept",
        "runs/engine/controls.py",
        "        priorities=_priorities_given(run),\n",
        "",
        "tests/integration/runs_api/test_items.py::"
        "test_a_retry_keeps_the_priorities_that_people_gave",
    ),
    _mutant(
        "changes: what is written again in the same words is none",
        "runs/reads/changes.py",
        "        before.add((target, change.code))\n",
        "",
        "tests/integration/runs_api/test_changes.py::"
        "test_what_a_run_wrote_again_in_the_same_words_is_no_change",
    ),
    _mutant(
        "cards: kept ones stay",
        _CARDS_SQL,
        "    DELETE FROM epics_card\n"
        "    WHERE id = ANY(ARRAY(SELECT id FROM cards_held WHERE NOT kept))\n",
        "    DELETE FROM epics_card\n    WHERE id = ANY(ARRAY(SELECT id FROM cards_held))\n",
        f"{_CARD_RUNS}test_what_was_edited_or_approved_or_stands_in_a_kept_epic_stays",
    ),
    _mutant(
        "cards: two uploads that end at once take different codes",
        _CARDS_SQL,
        "               PARTITION BY target.project_id ORDER BY",
        "               PARTITION BY target.item_id ORDER BY",
        f"{_CARD_RUNS}test_a_group_of_several_is_one_statement",
    ),
    _mutant(
        "cards: a quote has to be in the upload",
        "content/cards/quotes.py",
        '        if at < 0:\n            return ""\n',
        "        if at < 0:\n            return quote\n",
        "tests/unit/content/test_cards.py::TestQuotes::"
        "test_what_is_not_there_or_says_nothing_is_not",
    ),
)
STORED_SUBTASKS = (
    _mutant(
        "subtasks: one that is being edited at the end is kept",
        SUBTASKS_SQL,
        "WHERE id = target.id\n        FOR UPDATE\n",
        "WHERE id = target.id\n",
        f"{SUBTASKS}TestStoriesThatGo::test_an_edit_under_way_is_kept",
    ),
    _mutant(
        "subtasks: a story that is deleted at the same moment has none",
        SUBTASKS_SQL,
        "WHERE id = done.target_id\n        FOR NO KEY UPDATE\n",
        "WHERE id = done.target_id\n",
        f"{SUBTASKS}TestStoriesThatGo::test_while_it_is_stored",
    ),
    _mutant(
        "subtasks: kept ones stay",
        SUBTASKS_SQL,
        "(SELECT id FROM subtasks_held WHERE NOT kept)",
        "(SELECT id FROM subtasks_held)",
        f"{SUBTASKS}TestStored::test_edited_and_approved_ones_stay",
    ),
    _mutant(
        "subtasks: new ones take codes that are free",
        SUBTASKS_SQL,
        "        WHERE held.item_id = target.item_id AND held.kept\n"
        "          AND held.code = target.code || '-T' || number\n",
        "        WHERE false\n",
        f"{SUBTASKS}TestStored::test_edited_and_approved_ones_stay",
    ),
    _mutant(
        "subtasks: the first ones are nobody's change",
        SUBTASKS_SQL,
        "    WHERE EXISTS (SELECT FROM subtasks_held held WHERE held.item_id = target.item_id)\n",
        "",
        f"{SUBTASKS}TestStored::test_the_first_ones",
    ),
)
PROMPT_VERSIONS = (
    _mutant(
        "prompts: a run keeps the version that it began with",
        "workers/attempt.py",
        "            prompts=await self._prompts(),\n",
        "",
        f"{PROMPTS}TestRuns::test_one_that_began_before_an_edit_keeps_the_old_text",
    ),
    _mutant(
        "prompts: calls of another version have sizes and caches of their own",
        "runs/engine/dispatch.py",
        "        if self.prompt_set_id:\n",
        "        if False:\n",
        f"{PROMPTS}TestRuns::test_their_calls_share_neither_sizes_nor_caches_with_others",
    ),
    _mutant(
        "prompts: a run starts with none that do not fit",
        "content/prompt_sets.py",
        "    misfits = prompt_misfits(prompts, current.texts)\n",
        "    misfits = dict[str, str]()\n",
        f"{PROMPTS}TestRuns::test_none_starts_with_texts_that_do_not_fit_this_release",
    ),
    _mutant(
        "prompts: a version never changes",
        "content/migrations/0001_prompt_sets.py",
        "        migrations.RunSQL(STAYS, MAY_CHANGE),\n",
        "",
        f"{PROMPTS}TestVersions::test_a_version_never_changes",
        schema=True,
    ),
    _mutant(
        "prompts: an editor has the right",
        "content/admin.py",
        "        if not _may_edit(request):\n            raise PermissionDenied\n",
        "",
        f"{PROMPTS}TestAdmin::test_nobody_edits_without_the_right",
    ),
)
_PAGES = "tests/integration/pages/test_pages.py::"
_PAGE_BOUNDS = "tests/integration/pages/test_import.py::TestBounds::"
_BATCHES = "tests/integration/runs_api/test_batches.py::"
PAGES = (
    Mutant(
        guard="pages: new inputs make the content outdated",
        file="content/pages/services.py",
        changes=(("if new.keys() & PAGE_PROMPT:", "if False:"),),
        tests=(f"{_PAGES}TestChange::test_inputs_make_content_outdated",),
    ),
    Mutant(
        guard="pages: what the project says is in their prompts",
        file="content/pages/apps.py",
        changes=(("        change_listener_register(pages_outdate)\n", ""),),
        tests=(f"{_PAGES}TestChange::test_what_a_project_says_outdates_its_pages",),
    ),
    Mutant(
        guard="pages: a run is told of one that is deleted",
        file="content/pages/services.py",
        changes=(("    deletion_tell(Page, [page_id])\n", ""),),
        tests=(f"{_BATCHES}test_a_job_of_a_deleted_page_is_still_told",),
    ),
    Mutant(
        guard="pages: what has no content is not approved",
        file="content/pages/apps.py",
        changes=(("                written=HAS_CONTENT,\n", ""),),
        tests=(f"{_PAGES}TestReview::test_a_page_is_reviewed_of_its_version",),
    ),
    Mutant(
        guard="pages: they count to what is stored",
        file="content/pages/bulk.py",
        changes=(("    storage_check(_owner_held(project_id, user), rows=len(rows))\n", ""),),
        tests=(f"{_PAGE_BOUNDS}test_pages_count_to_what_the_projects_owner_has_stored",),
    ),
    Mutant(
        guard="batches: who is counted is held before their role is",
        file="content/pages/bulk.py",
        changes=(
            ("        _owner_held(project_id, user)\n        role_hold", "        role_hold"),
        ),
        tests=(f"{_BATCHES}test_batches_of_one_user_at_the_same_time_all_begin",),
    ),
    Mutant(
        guard="jobs: another run's content is not this one's result",
        file="runs/reads/jobs.py",
        changes=(("pk=item.target_id, run_id=item.run_id", "pk=item.target_id"),),
        tests=(f"{_BATCHES}test_a_batch_and_its_jobs_are_read",),
    ),
)
TYPES = "tests/integration/runs_api/test_run_types.py::"

OF_KINDS = (
    _mutant(
        "kind without calls: no intent of one is written",
        CLAIMS_SQL,
        "    WHERE call_id IS NOT NULL\n",
        "",
        f"{TYPES}test_a_run_over_notes_shows_its_items_and_no_epics",
    ),
    _mutant(
        "kind that holds no targets: others may have them",
        DISPATCH_SQL,
        " WHERE %(held)s",
        "",
        f"{TYPES}test_a_kind_that_holds_none_leaves_its_targets_to_others",
    ),
    _mutant(
        "start: options that the kind does not have",
        "runs/api/run_options.py",
        "    return {key[:100]: [told] for key in sorted(given.keys() - known)[:MAX_PROBLEMS]}\n",
        "    return {}\n",
        f"{TYPES}test_what_a_kind_does_not_offer_is_refused_by_name",
    ),
    _mutant(
        "start: choices beside the options that the kind does not have",
        "runs/api/run_options.py",
        "        if name not in fields\n",
        "        if False\n",
        f"{TYPES}test_what_a_kind_does_not_offer_is_refused_by_name",
    ),
    _mutant(
        "retry: the model that was chosen",
        "runs/engine/controls.py",
        "        model=model_chosen(run=run),\n",
        "",
        f"{TYPES}test_a_retry_keeps_the_model_that_its_starter_chose",
    ),
)


_PAGE_RUNS = "tests/integration/engine/test_page_runs.py::TestStored::"
_PAGE_STEPS = "tests/unit/content/test_pages_run.py::"
_PAGE_CHECKS = "tests/unit/content/test_pages_checks.py::"
_PAGE_MARKUP = "tests/unit/content/test_pages_markup.py::"
WRITTEN_PAGES = (
    _mutant(
        "pages: what was edited or approved under a run stays",
        "content/pages/store.sql",
        "\n               OR epics_kept(page.edited_at, page.review_status, done.options) AS kept,",
        " AS kept,",
        f"{_PAGE_RUNS}test_what_was_edited_or_approved_under_the_run_stays",
    ),
    _mutant(
        "pages: an approval under way is waited for",
        "content/pages/store.sql",
        "WHERE id = done.target_id\n        FOR NO KEY UPDATE\n",
        "WHERE id = done.target_id\n",
        f"{_PAGE_RUNS}test_an_approval_under_way_is_waited_for",
    ),
    _mutant(
        "pages: what changed since the claim makes the content outdated",
        "content/pages/store.sql",
        "CASE WHEN target.outdated THEN 'outdated' ELSE 'current' END",
        "'current'",
        f"{_PAGE_RUNS}test_what_changed_since_the_claim_makes_it_outdated",
    ),
    _mutant(
        "pages: the first content is nobody's change",
        "content/pages/store.sql",
        "    WHERE target.had_content AND NOT target.kept\n",
        "    WHERE NOT target.kept\n",
        f"{_PAGE_RUNS}test_the_first_content",
    ),
    _mutant(
        "pages: one that is kept costs no call",
        "content/pages/pipeline.py",
        "    return state.inp.kept\n",
        "    return False\n",
        f"{_PAGE_STEPS}test_a_page_that_is_kept_costs_no_call",
    ),
    _mutant(
        "pages: a repair that is no better changes nothing",
        "content/pages/stages/quality_validation.py",
        "    better = max(first, second, key=_rank)",
        "    better = second",
        f"{_PAGE_STEPS}test_a_repair_that_is_no_better_changes_nothing",
    ),
    _mutant(
        "pages: a number that nobody gave is a defect",
        "content/pages/checks/numbers.py",
        "        if number.values & known:\n",
        "        if number.values:\n",
        f"{_PAGE_CHECKS}test_what_the_input_does_not_say_is_a_defect",
    ),
    _mutant(
        "pages: no HTML in what is stored",
        "content/pages/markup.py",
        '    text = _TAG_BEGIN.sub("&lt;", text)\n',
        "",
        f"{_PAGE_MARKUP}test_no_attack_gets_through",
    ),
    _mutant(
        "pages: no link but to the web in what is stored",
        "content/pages/markup.py",
        '    text = _OTHER_LINK.sub(r"]\\\\(", text)\n',
        "",
        f"{_PAGE_MARKUP}test_no_attack_gets_through",
    ),
    _mutant(
        "pages: no image in what is stored",
        "content/pages/markup.py",
        '    text = _IMAGE.sub("! [", text)\n',
        "",
        f"{_PAGE_MARKUP}test_no_attack_gets_through",
    ),
)
EXPORTED = (
    _mutant(
        "export: a file that is over is given to nobody",
        "content/export/files.py",
        "filter(run_id=run_id, expires_at__gt=Now())",
        "filter(run_id=run_id)",
        f"{RUN_FILE}test_a_file_that_is_kept_no_longer_is_told_as_such",
    ),
    _mutant(
        "export: a file that was cut is given to nobody",
        "content/export/storage.py",
        "if _storage().size(name) != size:",
        "if _storage().size(name) < 0:",
        f"{RUN_FILE}test_a_file_that_is_gone_or_cut_is_not_given_out",
    ),
    _mutant(
        "export: a row stays until its file is gone",
        "content/export/files.py",
        "    if not _deleted(file.stored_as):\n        return False\n",
        "    _deleted(file.stored_as)\n",
        f"{EXPORT_FILES}test_a_file_that_the_storage_keeps_is_tried_again",
    ),
    _mutant(
        "export: a young file without a row is not swept",
        "content/export/files.py",
        "file_age_s(name, now_s=now_s) > ORPHAN_S and _deleted(name)",
        "_deleted(name)",
        f"{EXPORT_FILES}test_what_the_storage_keeps_of_a_project_is_swept_later",
    ),
    _mutant(
        "export: a file that a row names is not swept",
        "content/export/files.py",
        "for name in set(names) - named:",
        "for name in names:",
        f"{EXPORT_FILES}test_the_sweep_leaves_what_a_row_names",
    ),
    _mutant(
        "export: the backlog is of one moment",
        "epics/files/backlog_rows.py",
        "        if not inside:\n",
        "        if inside:\n",
        f"{FORMATS}test_an_export_is_of_one_moment",
    ),
    _mutant(
        "export: a description is no Gherkin",
        "epics/files/gherkin_features.py",
        "if line.startswith(marks) else line",
        "if not line else line",
        f"{FORMATS}test_gherkin_parses_whatever_the_texts_are",
    ),
    _mutant(
        "export: an issue calls nobody",
        "epics/files/github_issues.py",
        'quiet = _REFERENCE.sub(r"\\g<0><!-- -->", text)',
        "quiet = text",
        f"{FORMATS}test_github_keeps_to_its_limits_and_calls_nobody",
    ),
)

_HEALTHY = (
    _mutant(
        "health: told in live events when the time alone changes it",
        "runs/live/changes.py",
        "events if changed or lines or health != cursor.health else ()",
        "events if changed or lines else ()",
        "tests/integration/live/test_changes.py::"
        "test_a_health_that_changes_with_the_time_alone_is_told_once",
    ),
    _mutant(
        "health: a run behind others is not stuck",
        "runs/reads/health.py",
        "    if elsewhere and run.at - elsewhere < STUCK and elsewhere > run.quiet_since:\n",
        "    if False:\n",
        f"{_HEALTH}test_a_run_behind_others_is_not_stuck",
    ),
    _mutant(
        "health: the last claim is kept",
        CLAIMS_SQL,
        "moved_at = clock_timestamp(),\n        claimed_at = clock_timestamp()",
        "moved_at = clock_timestamp()",
        f"{_HEALTH}test_between_two_short_calls_it_flows_and_later_it_waits_for_its_pacing",
    ),
)
_MANY_AT_ONCE = (
    _mutant(
        "at once: staff alone pauses all",
        "web/views/queue.py",
        '    staff_require(user=request.user)\n    if request.method != "POST":\n',
        '    if request.method != "POST":\n',
        f"{_WEB}test_queue.py::test_a_pause_of_all_says_first_what_it_stops",
    ),
    _mutant(
        "at once: what filters find is counted before it is reviewed",
        "web/views/bulk.py",
        '    if chosen.everything and request.POST.get("sure") != chosen.mark:\n',
        "    if False:\n",
        f"{_WEB}test_bulk.py::"
        "test_all_that_the_filters_find_are_reviewed_after_their_count_was_told",
    ),
    _mutant(
        "at once: what is deleted is what was counted",
        "web/views/bulk.py",
        '    if request.POST.get("sure") != chosen.mark:\n',
        '    if "sure" not in request.POST:\n',
        f"{_WEB}test_bulk.py::"
        "test_all_that_the_filters_find_are_deleted_and_exactly_those_that_were_counted",
    ),
    _mutant(
        "at once: what was changed since it was ticked is not deleted",
        "epics/history.py",
        "    if version is not None and row.version != version:\n",
        "    if False:\n",
        f"{_WEB}test_bulk.py::test_what_was_changed_since_it_was_ticked_stays",
    ),
    _mutant(
        "web: adding members is held to the API's limit",
        "web/views/members.py",
        "        member_count(request)\n",
        "",
        f"{_WEB}test_members.py::test_adding_is_held_to_the_limit_that_the_api_has",
    ),
)

_SENT = "tests/unit/providers/test_batches.py::"
_PRICED = "tests/unit/providers/test_prices.py::"
_PROVIDER_BATCHES = (
    _mutant(
        "batches: nobody but the provider is told the key",
        "providers/anthropic/results_source.py",
        "if _origin(told) == _origin(base_url):",
        "if told.host:",
        f"{_SENT}test_nobody_else_is_told_the_key",
    ),
    _mutant(
        "batches: one that failed on its way may have been made",
        "providers/anthropic/batches.py",
        "            error.possibly_billed = True\n",
        "",
        f"{_SENT}test_a_batch_that_may_have_been_made_is_told_from_one_that_was_not",
    ),
    _mutant(
        "batches: a line that was cut is no line",
        "providers/anthropic/batches.py",
        "rest.strip() and loaded(rest) is None",
        "False",
        f"{_SENT}test_results_that_break_off_say_so_and_are_read_again",
    ),
    _mutant(
        "batches: no line fills the memory",
        "providers/anthropic/line_splitter.py",
        "if room := max(self._longest - self._size, 0):",
        "if room := len(piece):",
        "tests/unit/providers/test_batch_wire.py::"
        "test_lines_are_cut_where_they_end_and_where_they_are_too_long",
    ),
    _mutant(
        "prices: the worst case knows a price that rises while the call is under way",
        "providers/prices.py",
        "range(_UNDER_WAY_DAYS + 1)",
        "range(1)",
        f"{_PRICED}test_the_worst_case_knows_a_price_that_rises_while_the_call_is_under_way",
    ),
    _mutant(
        "prices: the worst case takes all input for the dearest class",
        "providers/prices.py",
        "max(self.input, self.cache_write, self.cache_write_1h, self.cache_read)",
        "self.input",
        f"{_PRICED}test_no_call_costs_more_than_its_worst_case",
    ),
)

_QUOTED = "tests/integration/runs_api/test_quotes.py::TestStart::"
_TAKEN = "runs/engine/quote_take.py"
HELD_TO_QUOTES = (
    _mutant(
        "quote: one of another project starts nothing",
        _TAKEN,
        ".filter(pk=quote_id, project=project)",
        ".filter(pk=quote_id)",
        f"{_QUOTED}test_that_of_another_project_and_one_that_is_not_there_are_unknown",
    ),
    _mutant(
        "quote: it is for its own body alone",
        _TAKEN,
        "if body[name] != quote.body.get(name)",
        "if name not in quote.body",
        f"{_QUOTED}test_one_of_another_body_is_refused_with_what_differs",
    ),
    _mutant(
        "quote: one that is over starts nothing",
        _TAKEN,
        "if quote.valid_until <= database_now():",
        "if quote.valid_until is None:",
        f"{_QUOTED}test_one_that_is_over_is_refused",
    ),
    _mutant(
        "quote: it holds as long as what it is made of",
        _TAKEN,
        "if quote.content_digest != digest:",
        "if not quote.content_digest:",
        f"{_QUOTED}test_one_of_other_content_is_refused",
    ),
    _mutant(
        "quote: a run's is not deleted",
        _TAKEN,
        "    Quote.objects.filter(pk=quote.pk).update(expires_at=None)\n",
        "",
        f"{_QUOTED}test_a_run_keeps_the_quote_that_it_begins_with",
    ),
    _mutant(
        "quote: a run is learned from by its own prompts",
        "runs/quotes/past.py",
        "if len(same) >= ENOUGH_CALLS:",
        "if same and len(calls) < 0:",
        "tests/integration/engine/test_quotes_learn.py"
        "::test_the_next_quote_is_calibrated_and_close",
    ),
)

_SLICES_SQL = "runs/engine/sql/batches.sql"
_SLICES = f"{_ENGINE}test_batches.py::"
_SLICE_ENDS = f"{_ENGINE}test_batch_ends.py::"
_BY_BATCHES = (
    _mutant(
        "batches: no lane takes what waits for a slice",
        DISPATCH_SQL,
        "      AND NOT in_batch AND (batch_id IS NOT NULL OR NOT (SELECT draining FROM run))\n"
        "      AND (crashes <",
        "      AND (crashes <",
        f"{_SLICES}TestSlices::test_no_lane_takes_what_waits_for_a_slice",
    ),
    _mutant(
        "batches: of two that make a slice of an item one does",
        _SLICES_SQL,
        "AND item.in_batch AND item.batch_id IS NULL\n      AND item.target_id IS NOT NULL",
        "AND item.target_id IS NOT NULL",
        f"{_SLICES}TestSlices::test_two_workers_at_once_hand_in_each_request_once",
    ),
    _mutant(
        "batches: none is created beside one of which nobody knows whether it was",
        "workers/batches/driver.py",
        "self._creating is None and not unknown and",
        "self._creating is None and",
        f"{_SLICES}TestCreation::test_nothing_is_created_beside_what_may_have_been",
    ),
    _mutant(
        "batches: of several that fit the results tell",
        "workers/batches/polling.py",
        "        if len(candidates) > 1:\n",
        "        if len(candidates) > 99:\n",
        f"{_SLICES}TestCreation::test_of_two_that_fit_the_results_tell_which_is_ours",
    ),
    _mutant(
        "batches: somebody else's results are not booked",
        "workers/batches/collecting.py",
        "        if reading.lines and not reading.ours:\n",
        "        if reading.lines > 9_999 and not reading.ours:\n",
        f"{_SLICES}TestCreation::test_somebody_elses_batch_that_was_taken_for_ours_is_let_go",
    ),
    _mutant(
        "batches: the answer to an item that was cancelled is not kept",
        _SLICES_SQL,
        "CASE WHEN spent.waits AND spent.fate = 'answered' THEN jsonb_build_object(",
        "CASE WHEN spent.fate = 'answered' THEN jsonb_build_object(",
        f"{_SLICES}TestControls::"
        "test_the_answer_to_an_item_that_was_cancelled_is_booked_and_not_kept",
    ),
    _mutant(
        "batches: an answer to another question is not used",
        "workers/caller.py",
        "if kept is not None and _is_answer_to(request, kept):",
        "if kept is not None:",
        f"{_SLICES}TestAttempts::test_an_answer_to_what_was_edited_meanwhile_is_not_used",
    ),
    _mutant(
        "batches: booked at half the price",
        "workers/batches/results.py",
        "spend=spend_of(answer, None, batch=True)",
        "spend=spend_of(answer, None, batch=False)",
        f"{_SLICES}TestSlices::test_answers_are_kept_and_the_lanes_go_on_with_them",
    ),
    _mutant(
        "batches: what was answered of a cancelled run is for its lanes",
        DISPATCH_SQL,
        "status IN ('QUEUED', 'RUNNING') OR (draining AND lane <> 'realtime'))",
        "status IN ('QUEUED', 'RUNNING'))",
        f"{_SLICES}TestControls::test_what_was_answered_of_a_cancelled_run_is_for_the_lanes",
    ),
    _mutant(
        "batches: a cancelled run waits for what is out",
        TRANSITIONS_SQL,
        "              WHERE run_id = %(run_id)s AND in_batch AND batch_id IS NOT NULL\n",
        "              WHERE run_id = %(run_id)s AND in_batch AND false\n",
        "tests/integration/runs_api/test_provider_batches.py::"
        "test_a_cancel_has_what_is_out_cancelled_and_waits_for_it",
    ),
    _mutant(
        "batches: what expires again and again is not asked for ever",
        "workers/batches/results.py",
        'last_time=row["in_vain"] + 1 >= MOST_IN_VAIN',
        'last_time=row["in_vain"] >= 99',
        f"{_SLICE_ENDS}TestInVain::test_what_expires_again_and_again_is_not_asked_for_ever",
    ),
    _mutant(
        "batches: what is lost again and again is not asked for ever",
        "workers/batches/polling.py",
        "times=MOST_IN_VAIN - 1, most=_AT_ONCE",
        "times=99, most=_AT_ONCE",
        f"{_SLICE_ENDS}TestInVain::test_what_is_lost_again_and_again_is_not_asked_for_ever",
    ),
    _mutant(
        "batches: of a deleted run they are cancelled",
        "runs/engine/deletion.py",
        "    slices.filter(cancel_at=None).update(cancel_at=Now())\n",
        "    slices.delete()\n",
        f"{_SLICE_ENDS}TestDeletedRuns::test_what_may_have_been_created_is_found_and_cancelled",
    ),
    _mutant(
        "batches: of a deleted run they are booked once",
        _SLICES_SQL,
        "    WHERE last.certainty = 'possibly'\n      AND NOT",
        "    WHERE NOT",
        f"{_SLICE_ENDS}TestDeletedRuns::test_what_is_out_is_cancelled_and_booked_and_nothing_is_made_of_it",
    ),
    _mutant(
        "batches: what nobody waits for is cancelled",
        "workers/batches/polling.py",
        'wanted = row["cancel"] or not row["awaited"]',
        'wanted = row["cancel"]',
        f"{_SLICE_ENDS}TestNobodyWaits::test_a_slice_whose_items_were_all_cancelled_is_cancelled",
    ),
    _mutant(
        "batches: a worker's death ends no call of a slice",
        RECOVERY_SQL,
        "      AND call.batch_id IS NULL\n",
        "",
        f"{_SLICE_ENDS}TestNobodyWaits::test_a_slice_that_was_not_waited_for_ends_as_it_does_when_a_worker_dies",
    ),
    _mutant(
        "batches: a resume keeps what was not cancelled yet",
        "runs/engine/transitions.py",
        'cursor.execute(QUERIES["batches_keep"], {"run_id": run_id})',
        "pass",
        f"{_SLICE_ENDS}TestControls::test_a_resume_keeps_what_the_provider_was_not_told_to_cancel",
    ),
    _mutant(
        "batches: calls that are not the slice's are left alone",
        _SLICES_SQL,
        "WHERE id = told.call_id AND batch_id = batch.id AND outcome = 'STARTED'\n",
        "WHERE id = told.call_id AND outcome = 'STARTED'\n",
        f"{_SLICE_ENDS}TestStrangers::test_lines_of_calls_that_are_not_ours_change_nothing",
    ),
    _mutant(
        "cheapest: what was canceled goes realtime",
        "workers/batches/results.py",
        '    return "leave" if spilled else "again"\n',
        '    return "again"\n',
        f"{_SLICES}TestCheapest::test_what_a_slice_answered_in_time_is_used",
    ),
)
_LEDGER_SQL = "runs/migrations/0024_ledger.py"
_LEDGER = f"{_ENGINE}test_ledger.py::"
_BUDGETS = f"{_ENGINE}test_budgets.py::"
_BUDGET_RUNS = f"{_ENGINE}test_budget_runs.py::"
_MONEY = "tests/integration/runs_api/test_money.py::"
_OF_MONEY = (
    _mutant(
        "ledger: lines are only ever added",
        _LEDGER_SQL,
        "    RAISE EXCEPTION 'the ledger is append-only';\n",
        "    RETURN NEW;\n",
        f"{_LEDGER}test_a_line_is_never_changed_nor_deleted",
        schema=True,
    ),
    _mutant(
        "ledger: what changes nothing that is known makes no line",
        _LEDGER_SQL,
        "    ) IS DISTINCT FROM (\n        last.certainty,",
        "    ) IS DISTINCT FROM (\n        last.model,",
        f"{_LEDGER}test_what_changes_nothing_that_is_known_makes_no_line",
        schema=True,
    ),
    _mutant(
        "ledger: a call that may have been billed is no call that was not",
        _LEDGER_SQL,
        "WHEN outcome = 'FAILED' AND NOT possibly_billed THEN",
        "WHEN outcome = 'FAILED' THEN",
        f"{_LEDGER}test_a_call_that_was_given_back_costs_what_it_may_have",
        schema=True,
    ),
    _mutant(
        "budget: no call begins that does not fit",
        _LEDGER_SQL,
        "OR (held <= 0 AND unpriced <= 0)",
        "OR unpriced <= 0",
        f"{_BUDGETS}test_of_claims_at_the_same_time_those_begin_that_fit",
        schema=True,
    ),
    _mutant(
        "budget: no call begins whose cost nobody knows",
        _LEDGER_SQL,
        "SELECT (outcome = 'STARTED' AND held_micro_usd IS NULL)::int,",
        "SELECT 0,",
        f"{_BUDGETS}test_where_a_budget_applies_a_call_without_a_price_does_not_begin",
        schema=True,
    ),
    _mutant(
        "budget: what was possibly spent is gone",
        _LEDGER_SQL,
        "AND spent_micro_usd + spent + possibly_micro_usd + possibly",
        "AND spent_micro_usd + spent",
        f"{_BUDGETS}test_what_was_possibly_spent_is_gone",
        schema=True,
    ),
    _mutant(
        "budget: a new one counts what is under way",
        _LEDGER_SQL,
        "            PERFORM runs_budget_begin(found_id);\n",
        "            NULL;\n",
        f"{_BUDGETS}test_a_budget_counts_what_was_spent_and_held_before_it",
        schema=True,
    ),
    _mutant(
        "budget: a longer prompt holds more before its call",
        "workers/caller.py",
        "            await self._tools.store.hold(self.call_id, micro_usd)\n",
        "            pass\n",
        f"{_BUDGET_RUNS}test_a_prompt_that_is_longer_than_was_thought_holds_more_before_its_call",
    ),
    _mutant(
        "budget: an answer is kept whose repair does not fit",
        "workers/caller.py",
        "            if self._answered:\n                await self._book(response=kept)\n",
        "",
        f"{_BUDGET_RUNS}"
        "test_a_repair_that_does_not_fit_keeps_the_answer_until_the_budget_is_raised",
    ),
    _mutant(
        "budget: a call that is given up on its way may have been billed",
        "workers/caller.py",
        "            self._sent = not self._aborted\n",
        "",
        f"{_BUDGET_RUNS}test_a_call_that_is_given_up_on_its_way_was_possibly_billed",
    ),
    _mutant(
        "budget: at its end the prompt decides",
        _LINKS,
        "            if not await in_thread(budget_rests, refused):  # later its prompt may fit\n",
        "            if True:\n",
        f"{_BUDGET_RUNS}test_a_prompt_that_is_longer_than_was_thought_holds_more_before_its_call",
    ),
    _mutant(
        "budget: a run is not paused for what a call was thought to hold",
        _LINKS,
        "raise BudgetRefused(refused.budget_id, least.micro_usd or 0) from refused\n",
        "raise\n",
        f"{_BUDGET_RUNS}test_a_run_is_not_paused_for_what_a_call_was_thought_to_hold",
    ),
    _mutant(
        "budget: a second call holds no row before its budgets may be made",
        CALLS_SQL,
        "      AND (SELECT true FROM pg_advisory_xact_lock_shared(7103))\n",
        "",
        f"{_LOCK_ORDER}test_a_second_call_takes_no_row_before_its_budgets_may_be_made",
    ),
    _mutant(
        "budget: the next month's is made before this month's is changed",
        "runs/migrations/0031_budgets_in_order.py",
        "    PERFORM runs_budget_set(\n        'project', NULL, NEW.id, (this",
        "    PERFORM runs_budget_set('project', NULL, NEW.id, this, 3);\n"
        "    PERFORM runs_budget_set(\n        'project', NULL, NEW.id, (this",
        f"{_LOCK_ORDER}test_a_new_budget_of_the_next_month_is_made_before_this_months_is_changed",
        schema=True,
    ),
    _mutant(
        "budget: months are set behind a transaction that a run starts in",
        "runs/engine/start.py",
        "    transaction.on_commit(months_ensure)  #",
        "    months_ensure()  #",
        f"{_LOCK_ORDER}test_a_start_within_a_transaction_changes_months_behind_it",
    ),
    _mutant(
        "budget: a run waits while calls hold what is left",
        "runs/engine/budget_waits.py",
        "        held_micro_usd=0,\n",
        "",
        f"{_BUDGETS}test_a_run_is_not_paused_where_a_call_has_begun_since_somebody_looked",
    ),
    _mutant(
        "budget: nothing starts in a month that is used up",
        "runs/engine/budgets.py",
        "            _refuse(budget)\n",
        "            pass\n",
        f"{_MONEY}test_the_installations_month_stops_starts_once_it_is_used_up",
    ),
    _mutant(
        "budget: nothing starts whose cost nobody knows",
        "runs/engine/budgets.py",
        "    if not has_price(model, database_now().date()):\n",
        "    if not model:\n",
        f"{_MONEY}test_where_a_budget_applies_a_model_needs_a_price",
    ),
    _mutant(
        "budget: a project's is its owners'",
        "epics/api/views.py",
        'Role.OWNER if "monthly_budget_micro_usd" in changes else Role.EDITOR',
        "Role.EDITOR",
        f"{_MONEY}test_a_projects_month_has_a_budget_that_its_owners_set",
    ),
)

_SCOPED = (
    _mutant(
        "tokens: one that may only read changes nothing",
        "batchgen/api/scopes.py",
        '        if not scope.write and not _reads(request.method or "", route):\n',
        "        if not scope.write and not route:\n",
        f"{_SCOPES}test_a_token_that_may_read_changes_nothing",
    ),
    _mutant(
        "tokens: without contents only routes that are listed",
        "batchgen/api/scopes.py",
        '    if f"{method} {route}" not in ROUTES:\n',
        "    if not route:\n",
        f"{_SCOPES}test_without_contents_what_is_not_listed_is_refused",
    ),
    _mutant(
        "tokens: without contents no texts",
        "batchgen/api/contents.py",
        "    return value if key in SHOWN or not isinstance(value, str) else None\n",
        "    return value\n",
        f"{_SCOPES}test_no_text_of_people_files_or_models_is_shown",
    ),
    _mutant(
        "tokens: without contents no search",
        "batchgen/api/scopes.py",
        "    if others := sorted(request.query_params.keys() - PARAMETERS):\n",
        "    if others := sorted(PARAMETERS - PARAMETERS):\n",
        f"{_SCOPES}test_what_is_not_shown_is_not_searched",
    ),
    _mutant(
        "tokens: none manages tokens",
        "batchgen/api/scopes.py",
        '        if getattr(request.auth, "scope", None) and route in _SIGN_IN_ONLY:\n',
        "        if not route:\n",
        f"{_API_TOKENS}test_a_token_manages_no_tokens",
    ),
    _mutant(
        "tokens: one ends with the password",
        "batchgen/accounts/api_tokens.py",
        " or token.password_mark != get_md5_hash_password(token.user.password)",
        "",
        f"{_API_TOKENS}test_what_is_no_good_token_is_refused",
    ),
    _mutant(
        "tokens: streams end with the token that opened them",
        "batchgen/accounts/api_tokens.py",
        "[EndedFamily(family=token_id, expires_at=Now() + _REMEMBERED)]",
        "[]",
        f"{_API_TOKENS}test_a_stream_ends_with_the_token_that_opened_it",
    ),
    _mutant(
        "MCP: a tool asks with no more than its own scope",
        "batchgen/mcp/inside.py",
        "        narrow(request, question.scope)\n",
        "",
        f"{_MCP}test_texts_are_shown_where_they_are_asked_for_and_cannot_leave_their_block",
    ),
    _mutant(
        "MCP: no text closes its block",
        "batchgen/mcp/answering.py",
        '    for sign in "&<>\\x85\\u2028\\u2029":\n',
        '    for sign in "&\\x85\\u2028\\u2029":\n',
        f"{_MCP}test_texts_are_shown_where_they_are_asked_for_and_cannot_leave_their_block",
    ),
)
_WEBHOOKED = (
    _mutant(
        "webhooks: the second message of a run waits for the first",
        _WEBHOOKS_SQL,
        "          AND (hook_id, ordering_key) > (head.hook_id, head.ordering_key)\n",
        "          AND (hook_id, ordering_key, id) > (head.hook_id, head.ordering_key, head.id)\n",
        f"{_DELIVERING}test_a_run_is_told_in_order_though_its_first_message_fails_at_first",
    ),
    _mutant(
        "webhooks: what somebody is sending is nobody else's",
        _WEBHOOKS_SQL,
        "    leased_until = clock_timestamp() + %(lease_s)s",
        "    leased_until = clock_timestamp() + 0 * %(lease_s)s",
        f"{_DELIVERING}test_a_process_that_dies_between_sending_and_noting_has_it_sent_again",
    ),
    _mutant(
        "webhooks: one has so many places",
        _WEBHOOKS_SQL,
        "    WHERE place <= %(of_hook)s\n",
        "    WHERE place <= 100 * %(of_hook)s\n",
        f"{_DELIVERING}test_a_slow_receiver_holds_up_no_other",
    ),
    _mutant(
        "webhooks: only the last attempt says that it failed",
        "runs/webhooks/deliveries.py",
        ", status=Delivery.Status.PENDING, attempts=delivery.attempts\n    )\n    failed =",
        ", status=Delivery.Status.PENDING\n    )\n    failed =",
        f"{_DELIVERING}test_only_the_last_attempt_says_that_it_failed_and_any_that_it_arrived",
    ),
    _mutant(
        "webhooks: no address inside",
        "runs/webhooks/sending.py",
        "        if not all(is_allowed(address_of(address)) for address in found):\n",
        "        if not found:\n",
        f"{_SENDING}test_no_address_inside_is_allowed",
    ),
    _mutant(
        "webhooks: the connection goes to what was looked at",
        "runs/webhooks/sending.py",
        "self._network.connect_tcp(address, port, timeout)",
        "self._network.connect_tcp(self._lookup(host, port)[0], port, timeout)",
        f"{_SENDING}test_the_name_is_looked_up_once_and_the_connection_goes_to_what_was_looked_at",
    ),
    _mutant(
        "webhooks: a gate is told of once",
        "runs/webhooks/outbox.py",
        "        if mine:\n",
        "        if mine is not None:\n",
        f"{_OUTBOX}test_gates_are_told_of_once_whoever_looks_and_however_they_open",
    ),
)
_MIGRATING = "batchgen/db/postgresql/migrating.py"
_MIGRATED = (
    _mutant(
        "migrate: no long wait for a table",
        _MIGRATING,
        'session["lock_timeout"] = lock_timeout',
        'session["lock_timeout"] = "0"',
        "tests/integration/postgresql/test_migrating.py::"
        "test_once_the_table_is_free_it_is_tried_again",
    ),
    _mutant(
        "migrate: one process at a time",
        _MIGRATING,
        "if not mine:",
        "if False:",
        "tests/integration/postgresql/test_migrating.py::"
        "test_a_second_process_waits_for_the_first_and_says_so",
    ),
    _mutant(
        "migrate: an index that is built beside everybody may take its time",
        _MIGRATING,
        'if pooled or "CONCURRENTLY" not in sql:',
        "if True:",
        "tests/integration/postgresql/test_migrating.py::"
        "test_an_index_that_is_built_beside_everybody_waits_for_who_began_before",
    ),
)

_TRACING = "tests/unit/batchgen/test_tracing.py::"
_TRACED = "tests/acceptance/test_traces.py::"
_WAS_SO = "tests/integration/runs_api/test_health_history.py::"
_SEEN = (
    _mutant(
        "traces: without a collector nothing is imported",
        "batchgen/tracing/spans.py",
        "    if not settings.OTLP_ENDPOINT or _tracer is not None:\n",
        "    if _tracer is not None:\n",
        f"{_TRACING}test_without_a_collector_nothing_is_imported_and_no_span_is_made",
    ),
    _mutant(
        "traces: an error's text is told to nobody",
        "batchgen/tracing/exporting.py",
        "    return code if isinstance(code, str) else type(error).__name__\n",
        "    return str(error)\n",
        f"{_TRACING}test_an_error_is_told_by_its_code_alone",
    ),
    _mutant(
        "traces: prompts are told where a setting says so",
        "workers/spans.py",
        "    if settings.TRACE_CONTENTS:\n        system",
        "    if True:\n        system",
        f"{_TRACED}test_a_run_is_one_trace_with_each_try_of_a_call",
    ),
    _mutant(
        "health: of two that notice the same one writes it",
        "runs/health_history.py",
        "                return False\n            if health.verdict",
        "                pass\n            if health.verdict",
        f"{_WAS_SO}test_of_two_that_notice_the_same_one_writes_it",
    ),
    _mutant(
        "health: a run's history is bounded",
        "runs/health_history.py",
        "    HealthPeriod.objects.filter(pk__in=list(old)).delete()\n",
        "",
        f"{_WAS_SO}test_the_last_ones_are_kept",
    ),
)

_GOES_ON = f"{_ENGINE}test_going_on.py::"
_ONWARD = f"{_ENGINE}test_onward.py::"
GOING_ON = (
    _mutant(
        "going on: the run's turn, which a pause has alone",
        FINISHES_SQL,
        "              AND @run_turn@\n",
        "",
        f"{_GOES_ON}test_none_goes_on_before_a_pause_that_waits_for_a_claim",
    ),
    _mutant(
        "going on: FOR SHARE, before the lane",
        FINISHES_SQL,
        "              AND @run_turn@\n            FOR SHARE\n",
        "              AND @run_turn@\n",
        f"{_GOES_ON}test_it_takes_the_run_before_its_lane",
    ),
    _mutant(
        "going on: no row before its budgets may be made",
        FINISHES_SQL,
        "              AND (SELECT true FROM pg_advisory_xact_lock_shared(7103))\n",
        "",
        f"{_GOES_ON}test_it_takes_no_row_before_its_budgets_may_be_made",
    ),
    _mutant(
        "going on: no item that is larger than its permit",
        FINISHES_SQL,
        "next.estimated_input_tokens <= ended.next_input_tokens AND NOT next.answered",
        "NOT next.answered",
        f"{_GOES_ON}test_an_item_that_is_larger_than_its_permit_goes_by_its_message",
    ),
    _mutant(
        "going on: no item that has its answer",
        FINISHES_SQL,
        " <= ended.next_input_tokens AND NOT next.answered",
        " <= ended.next_input_tokens",
        f"{_GOES_ON}test_an_item_that_has_its_answer_goes_by_its_message",
    ),
    _mutant(
        "going on: the item is PENDING still",
        FINISHES_SQL,
        "(SELECT id FROM onward WHERE begins))\n"
        "      AND runs_runitem.status IS NOT DISTINCT FROM 'PENDING'\n",
        "(SELECT id FROM onward WHERE begins))\n",
        f"{_GOES_ON}test_an_item_that_is_cancelled_just_now_is_not_begun",
    ),
    _mutant(
        "going on: what ends is booked before what begins",
        FINISHES_SQL,
        "(SELECT COUNT(*) FROM call) AS booked, ",
        "",
        f"{_GOES_ON}test_what_ends_is_let_go_before_what_begins_is_held",
    ),
    _mutant(
        "going on: what ends is told before what begins",
        FINISHES_SQL,
        ", (SELECT COUNT(*) FROM line) AS told",
        "",
        f"{_GOES_ON}test_what_ends_is_let_go_before_what_begins_is_held",
    ),
    _mutant(
        "going on: after a while by a message",
        "workers/links.py",
        "may_follow and time.monotonic() < until and",
        "may_follow and",
        f"{_ONWARD}test_after_a_while_it_goes_by_a_message",
    ),
    _mutant(
        "going on: what takes long goes by a message",
        "workers/links.py",
        "min(alone_until, time.monotonic() + _QUICK_S)",
        "alone_until",
        f"{_ONWARD}test_one_whose_items_take_long_goes_by_messages",
    ),
    _mutant(
        "going on: the time counts from the last message",
        "workers/celery_face.py",
        "        request.alone_until = self.alone_until\n",
        "",
        f"{_ONWARD}test_the_time_counts_from_the_last_message",
    ),
    _mutant(
        "going on: a pace is kept",
        "workers/links.py",
        "not claim.delay_ms and not kind_named",
        "not kind_named",
        f"{_ONWARD}test_one_with_a_pace_goes_by_messages",
    ),
    _mutant(
        "going on: what reads others' results waits for them",
        "workers/links.py",
        "may_follow = not claim.delay_ms and not kind_named(claim.fence.kind).reads_others\n",
        "may_follow = not claim.delay_ms\n",
        f"{_ONWARD}test_one_whose_items_read_what_others_made_goes_by_messages",
    ),
    _mutant(
        "going on: a worker that stops claims nothing",
        "workers/links.py",
        " < until and not self._stopping.is_set()\n",
        " < until\n",
        f"{_ONWARD}test_of_a_worker_that_stops_it_goes_by_a_message",
    ),
    _mutant(
        "going on: what a worker that stops has claimed goes back",
        "workers/links.py",
        "                    attempt.abort()\n",
        "                    pass\n",
        f"{_ONWARD}test_what_was_claimed_as_its_worker_stops_goes_back_and_no_call_begins",
    ),
    _mutant(
        "going on: a share that is full stops no lane",
        "workers/links.py",
        "weight=first.weight, requeued=True)",
        "weight=first.weight, requeued=False)",
        f"{_ONWARD}test_a_share_that_is_full_stops_no_lane_that_goes_on",
    ),
    _mutant(
        "going on: from an item that ended well",
        "workers/onward.py",
        "        if finishing.outcome.status is not ItemStatus.COMPLETED:\n",
        "        if not finishing:\n",
        f"{_ONWARD}test_one_whose_item_fails_goes_by_a_message",
    ),
    _mutant(
        "going on: a permit that was not used goes back",
        "workers/onward.py",
        "            if self.follower is None:\n                permit.unused()\n",
        "            pass\n",
        f"{_ONWARD}test_one_whose_next_item_is_much_larger_goes_by_a_message",
    ),
    _mutant(
        "going on: a budget's refusal ends the item all the same",
        "workers/onward.py",
        "        except (BudgetRefused, PriceMissing):\n",
        "        except NotImplementedError:\n",
        f"{_ONWARD}test_where_a_budget_refuses_the_next_call_its_item_ends_all_the_same",
    ),
    _mutant(
        "going on: a second call gives the next item's permit back",
        "workers/attempt.py",
        "                        self.onward.drop()\n",
        "",
        f"{_ONWARD}test_a_second_call_gives_the_next_items_permit_back",
    ),
    _mutant(
        "going on: the permit of one that is given back goes back",
        "workers/attempt.py",
        "            self._caller.close()\n            self.onward.drop()\n",
        "            self._caller.close()\n",
        f"{_ONWARD}test_the_permit_of_one_that_is_given_back_goes_back",
    ),
)

MUTANTS = (
    *CLAIMING,
    *FINISHING,
    *GOING_ON,
    *COMMITTED,
    *INTAKE,
    *OF_JOBS,
    *OF_KINDS,
    *RUN_STATUS,
    *RECOVERY,
    *FEWER_LANES,
    *MANY_LANES,
    *OPEN_EDITS,
    *ANSWERS,
    *REDIS,
    *LIMITER,
    *CLOCKS,
    *NUMBERS,
    *GATES_BY_HAND,
    *REFUSALS,
    *LIVE,
    *PROGRESS,
    *PROXIES,
    *SETTINGS,
    *BROKEN,
    *SESSIONS,
    *CONNECTIONS,
    *ITEMS,
    *STORED_EPICS,
    *STORED_SUBTASKS,
    *UPLOADED,
    *PROMPT_VERSIONS,
    *EXPORTED,
    *PAGES,
    *HELD_TO_QUOTES,
    *WRITTEN_PAGES,
    *RIGHTS,
    *STREAM_RIGHTS,
    *ROOMS,
    *_WEB_GUARDS,
    *_HEALTHY,
    *_MANY_AT_ONCE,
    *_PROVIDER_BATCHES,
    *_BY_BATCHES,
    *_OF_MONEY,
    *_WEBHOOKED,
    *_SCOPED,
    *_MIGRATED,
    *_SEEN,
)

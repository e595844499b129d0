"""What is said of a migration's statements."""

import pytest

from batchgen.local.migration_lint import DELIBERATE, faults

OF_RUN = 'ALTER TABLE "runs_shelf" ADD CONSTRAINT "r" FOREIGN KEY ("n") REFERENCES "runs_run"{}'
NEW = 'CREATE TABLE "runs_shelf" ("id" bigint NOT NULL PRIMARY KEY)'


@pytest.mark.parametrize(
    ("statements", "codes"),
    [
        ([NEW, 'CREATE INDEX "by_id" ON "runs_shelf" ("id")'], set()),
        (['ALTER TABLE "runs_run" ADD COLUMN "shelf" text NULL'], set()),
        (['ALTER TABLE "runs_run" ADD COLUMN "shelf" text DEFAULT \'\' NOT NULL'], set()),
        (['CREATE INDEX CONCURRENTLY "by_shelf" ON "runs_run" ("shelf")'], set()),
        (["CREATE FUNCTION f() RETURNS void AS $$ DELETE FROM runs_run $$ LANGUAGE sql"], set()),
        (["CREATE TRIGGER t AFTER INSERT ON runs_run EXECUTE FUNCTION f()"], set()),
        ([NEW, OF_RUN.format(' ("id")')], {"FOREIGN_KEY"}),
        ([NEW, OF_RUN.format(' ("id") ON DELETE CASCADE')], set()),
        ([NEW, OF_RUN.format("").replace("runs_run", "runs_shelf")], set()),
        ([OF_RUN.format(' ("id") ON DELETE CASCADE')], {"CONSTRAINT"}),
        (['ALTER TABLE "runs_run" ADD CONSTRAINT "some" CHECK ("n" > 0) NOT VALID'], set()),
        (['ALTER TABLE "runs_run" VALIDATE CONSTRAINT "some"'], set()),
        # The workers of the release before know nothing of the column.
        (['ALTER TABLE "runs_run" ADD COLUMN "shelf" text NOT NULL'], {"NOT_NULL"}),
        (
            [
                'ALTER TABLE "runs_run" ADD COLUMN "shelf" text DEFAULT \'\' NOT NULL',
                'ALTER TABLE "runs_run" ALTER COLUMN "shelf" DROP DEFAULT',
            ],
            {"NOT_NULL"},
        ),
        (['ALTER TABLE "runs_run" DROP COLUMN "shelf"'], {"DROP_COLUMN"}),
        (['ALTER TABLE "runs_run" RENAME COLUMN "shelf" TO "case"'], {"RENAME_COLUMN"}),
        (['ALTER TABLE "runs_run" RENAME TO "runs_case"'], {"RENAME_TABLE"}),
        (['DROP TABLE "runs_run"'], {"DROP_TABLE"}),
        (['ALTER TABLE "runs_run" ALTER COLUMN "n" TYPE bigint'], {"ALTER_COLUMN"}),
        # Somebody waits for long.
        (
            ["CREATE INDEX by_shelf\n    ON runs_run (shelf)\n    WHERE n > 0"],
            {"CREATE_INDEX"},
        ),
        (['DROP INDEX "by_shelf"'], {"DROP_INDEX"}),
        (['ALTER TABLE "runs_run" ADD CONSTRAINT "some" CHECK ("n" > 0)'], {"CONSTRAINT"}),
        (['ALTER TABLE "runs_run" ADD COLUMN "n" float DEFAULT random() NOT NULL'], {"REWRITE"}),
        (["UPDATE runs_run\nSET shelf = ''"], {"ROWS"}),
        (["WITH old AS (SELECT 1) DELETE FROM runs_run"], {"ROWS"}),
    ],
)
def test_what_breaks_the_release_before_or_keeps_a_table_is_found(
    statements: list[str], codes: set[str]
) -> None:
    assert faults(statements).keys() == codes


def test_what_is_there_on_purpose_has_a_reason() -> None:
    assert all(reason for each in DELIBERATE.values() for reason in each.values())

from django.db import migrations

KEPT_CARDS = """
-- The cards of these uploads that a run with these options keeps, for the sake of an epic that they
-- stand in too. As in `epics_kept_epics`, each statement sees what was committed up to then.
CREATE FUNCTION epics_kept_cards(of_uploads uuid[], told jsonb)
RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE AS $$
DECLARE kept_epics uuid[];
BEGIN
    kept_epics := ARRAY(
        SELECT epics_kept_epics(ARRAY(
            SELECT DISTINCT place.epic_id
            FROM epics_card card JOIN epics_epiccard place ON place.card_id = card.id
            WHERE card.upload_id = ANY (of_uploads)
        ), told)
    );
    RETURN QUERY
    SELECT card.id FROM epics_card card
    WHERE card.upload_id = ANY (of_uploads) AND (
        epics_kept(card.edited_at, card.review_status, told)
        OR EXISTS (
            SELECT FROM epics_epiccard place
            WHERE place.card_id = card.id AND place.epic_id = ANY (kept_epics)
        )
    );
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0014_uploads"),
    ]

    operations = [
        migrations.RunSQL(KEPT_CARDS, "DROP FUNCTION epics_kept_cards(uuid[], jsonb);"),
    ]

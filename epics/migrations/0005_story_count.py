from django.db import migrations, models

#: Once a statement, however many stories it stores or deletes.
COUNT = """
CREATE FUNCTION epics_story_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO epics_storycount (epic_id, project_id, stories)
    SELECT epic_id, project_id, COUNT(*) FROM added GROUP BY epic_id, project_id ORDER BY epic_id
    ON CONFLICT (epic_id) DO UPDATE SET stories = epics_storycount.stories + EXCLUDED.stories;
    RETURN NULL;
END $$;

CREATE FUNCTION epics_story_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE epics_storycount
    SET stories = epics_storycount.stories - gone.stories
    FROM (SELECT epic_id, COUNT(*) AS stories FROM removed GROUP BY epic_id) gone
    WHERE epics_storycount.epic_id = gone.epic_id;
    RETURN NULL;
END $$;

CREATE TRIGGER story_added AFTER INSERT ON epics_story
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION epics_story_added();
CREATE TRIGGER story_removed AFTER DELETE ON epics_story
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION epics_story_removed();

INSERT INTO epics_storycount (epic_id, project_id, stories)
SELECT epic_id, project_id, COUNT(*) FROM epics_story GROUP BY epic_id, project_id
ORDER BY epic_id;
"""
UNCOUNT = """
DROP TRIGGER story_added ON epics_story;
DROP TRIGGER story_removed ON epics_story;
DROP FUNCTION epics_story_added();
DROP FUNCTION epics_story_removed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0004_prompt_revision"),
    ]

    operations = [
        migrations.CreateModel(
            name="StoryCount",
            fields=[
                (
                    "epic",
                    models.OneToOneField(
                        editable=False,
                        on_delete=models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="epics.epic",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.deletion.DO_NOTHING,
                        related_name="+",
                        to="epics.project",
                    ),
                ),
                ("stories", models.PositiveIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["project"], name="story_count_of_project")],
            },
        ),
        migrations.RunSQL(COUNT, UNCOUNT),
    ]

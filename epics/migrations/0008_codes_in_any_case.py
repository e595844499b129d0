"""Codes of a project differ by more than their case; where they did not, the later one gets a
number."""

from django.db import migrations, models
from django.db.models import Count
from django.db.models.functions import Upper


def _rename(apps, schema_editor):
    for name in ("Card", "Epic"):
        model = apps.get_model("epics", name)
        alike = model.objects.values("project", key=Upper("code")).order_by()
        for group in alike.annotate(number=Count("pk")).filter(number__gt=1):
            rows = model.objects.filter(project=group["project"], code__iexact=group["key"])
            for place, row in enumerate(rows.order_by("order", "id")[1:], start=2):
                _rename_one(model, row, f"{row.code[:44]}~{place}")


def _rename_one(model, row, code):
    old, row.code = row.code, code
    row.save(update_fields=["code"])
    if model._meta.model_name != "epic":
        return
    for epic in model.objects.filter(project=row.project_id, dependencies__contains=[old]):
        epic.dependencies = [code if each == old else each for each in epic.dependencies]
        epic.save(update_fields=["dependencies"])


class Migration(migrations.Migration):
    dependencies = [("epics", "0007_database_clock")]

    operations = [
        migrations.RunPython(_rename, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="card", name="card_code_once"),
        migrations.RemoveConstraint(model_name="epic", name="epic_code_once"),
        migrations.AddConstraint(
            model_name="card",
            constraint=models.UniqueConstraint("project", Upper("code"), name="card_code_once"),
        ),
        migrations.AddConstraint(
            model_name="epic",
            constraint=models.UniqueConstraint("project", Upper("code"), name="epic_code_once"),
        ),
    ]

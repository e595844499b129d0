"""`manage.py webhook_receiver`, as somebody tries a webhook with it: a process of its own."""

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from batchgen.local.local_dir import ROOT
from runs.webhooks.delivering import deliver
from runs.webhooks.models import Delivery
from runs.webhooks.services import webhook_test
from runs.webhooks.signing import secret_of
from tests.factories import project_make, webhook_make

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_genuine_is_printed_and_all_else_is_refused() -> None:
    genuine, forged = webhook_make(project_make()), webhook_make(project_make())
    command = [sys.executable, "manage.py", "webhook_receiver", "--port=0", "--count=2"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"WEBHOOK_SECRET": secret_of(genuine)},
        stdout=subprocess.PIPE,
        text=True,
    ) as receiver:
        assert receiver.stdout
        address = receiver.stdout.readline().removeprefix("Listening on ").strip()
        for hook in (genuine, forged):
            type(hook).objects.filter(pk=hook.pk).update(url=address)
            webhook_test(hook=hook, data={"name": hook.project.name})
            deliver()
        lines = receiver.stdout.read().splitlines()
        assert receiver.wait(20) == 0
    first, second = Delivery.objects.order_by("id")
    verdict, message_id, event, body = lines[0].split(" ", 3)
    assert (verdict, message_id, event) == ("verified", str(first.message_id), "webhook.test")
    assert json.loads(body)["data"] == {"name": genuine.project.name}
    assert lines[1] == f"refused {second.message_id}: No matching signature found"
    assert (first.response_status, second.response_status) == (204, 401)
    assert second.error == "The receiver answered 401."


def test_without_a_secret_it_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("nonsense\n"))
    with pytest.raises(CommandError, match="WEBHOOK_SECRET"):
        call_command("webhook_receiver", "--port=0")
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_!")
    with pytest.raises(CommandError, match="not whole"):
        call_command("webhook_receiver", "--port=0")

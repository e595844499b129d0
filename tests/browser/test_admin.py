"""The admin keeps nobody out, under the policy that all pages have."""

from collections.abc import Callable

from tests.browser.look import Tab
from tests.factories import user_make
from tests.integration.web.states import run_in

Opens = Callable[..., Tab]

#: Of Django's own tables of parts; no rule of WCAG asks for it.
_DJANGOS = "empty-table-header"
#: Of axe, which writes a style into a page whose styles import others.
_AXES = ("Applying inline style", "preload assets")


def test_the_admin_keeps_nobody_out(tab: Opens) -> None:
    run = run_in("errors")
    opened = tab(user_make(is_staff=True, is_superuser=True))
    found = []
    for address in (
        "",
        "runs/run/",
        f"runs/run/{run.pk}/change/",
        "runs/runitem/",
        "runs/lane/",
        "runs/providercall/",
        "epics/project/",
        f"epics/project/{run.project_id}/change/",
        "runs/closure/add/",
        "auth/user/add/",
    ):
        opened.page.goto(f"/admin/{address}")
        found += [f"{address} {each}" for each in opened.complaints]
        found += [f"{address} {each}" for each in opened.shut_out() if _DJANGOS not in each]
        opened.expect_complaints(*_AXES)
    assert found == []

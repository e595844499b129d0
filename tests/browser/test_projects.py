"""A project's ways in, its members and its settings, by what can be read on the pages alone."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from epics.models import Project
from tests.browser.look import Tab
from tests.factories import backlog_document, project_make, user_make
from tests.integration.web.states import owner

Opens = Callable[..., Tab]

#: Drops a file on the form, as a hand does that brings it from elsewhere.
_DROP = """(form, [name, text]) => {
    const files = new DataTransfer();
    files.items.add(new File([text], name, {type: "text/plain"}));
    for (const type of ["dragover", "drop"]) {
        const told = {dataTransfer: files, bubbles: true, cancelable: true};
        form.dispatchEvent(new DragEvent(type, told));
    }
}"""


def drop(page: Page, name: str, text: str) -> None:
    page.locator("form[data-drop]").evaluate(_DROP, [name, text])


def test_a_backlog_is_mended_where_its_lines_are_told_then_imported(
    tab: Opens, tmp_path: Path
) -> None:
    document = backlog_document()
    title = document["epics"][1].pop("title")
    file = tmp_path / "backlog.json"
    file.write_text(json.dumps(document, indent=1))
    opened = tab(user_make())
    page = opened.page
    page.goto("/")
    page.get_by_role("link", name="Import a backlog").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Check it").click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("epics[1].title")
    expect(problem).to_contain_text("line ")
    assert opened.shut_out() == []
    document["epics"][1]["title"] = title
    page.get_by_label("Or its text").fill(json.dumps(document))
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("Nothing is stored yet.")).to_be_visible()
    assert not Project.objects.exists()
    page.get_by_role("button", name="Import as a new project").click()
    expect(page.locator("#toasts")).to_contain_text("is imported.")
    opened.expect_complaints("400")


def test_notes_are_dropped_and_epics_added_where_they_stand(tab: Opens) -> None:
    project = project_make(owner())
    page = tab(owner()).page
    page.goto(f"/projects/{project.pk}/?tab=notes")
    drop(page, "talk.txt", "The tide is late.")
    expect(page.locator("#toasts")).to_contain_text("talk.txt is there: 17 characters.")
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Epics").click()
    page.get_by_text("Add an epic").click()
    page.get_by_label("Title").fill("Quays")
    page.get_by_role("button", name="Add the epic").click()
    expect(page.get_by_role("link", name="Quays")).to_be_visible()


def test_members_and_settings_are_kept_by_their_owner(tab: Opens) -> None:
    user_make("grace")
    project = project_make(owner())
    page = tab(owner()).page
    page.goto(f"/projects/{project.pk}/")
    tabs, toasts = page.get_by_role("navigation", name="Project"), page.locator("#toasts")
    tabs.get_by_role("link", name="Members").click()
    page.get_by_label("Name").fill("grace")
    page.get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(toasts).to_contain_text("grace is a member, with the role viewer.")
    page.get_by_label("Role of grace").select_option("editor")
    page.get_by_role("button", name="Change the role of grace").click()
    expect(toasts).to_contain_text("grace has the role editor now.")
    page.get_by_role("button", name="Remove grace").click()
    expect(toasts).to_contain_text("grace is no member any more.")
    tabs.get_by_role("link", name="Settings").click()
    page.get_by_label("Name").fill("Harbour")
    page.get_by_label("Brand voice: how it sounds").fill("Dry.")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour")
    page.get_by_role("link", name="Delete the project…").click()
    page.get_by_role("button", name="Delete the project").click()
    expect(toasts).to_contain_text("Harbour is deleted.")
    assert not Project.objects.exists()

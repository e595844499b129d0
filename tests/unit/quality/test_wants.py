"""Where a second want is joined to the first, and where a conjunction joins something else."""

import pytest

from quality.defects import StoryText
from quality.linter import lint


def joints(want: str, *, opening: str = "I want") -> list[tuple[str, str]]:
    """What joins two wants, and how sure that is."""
    text = f"As a Reader, {opening} {want}, so that I can learn at home."
    (one,) = lint([StoryText(user_story=text)])
    return [
        (defect.span.text if defect.span else "", defect.confidence)
        for defect in one.defects
        if defect.kind == "two_wants"
    ]


@pytest.mark.parametrize(
    "want",
    [
        "to count the roses and order new ones",
        "to have stems cut by six and vases washed",
        "stems to be cut by six and vases to be washed",
        "to search for a room and book it",
        "to upload a photo, crop it and share it with friends",
        "to see the boats that are dry and hire one",
        "to check who is late and call them",
        "to view my balance and then transfer money",
        "to lend or sell a boat",
        "to create, edit and delete notes",
        "to colour or crop my photo",
        "to cut a hedge and paste a label",
        "to receive a mail when a bill is due and to pay it online",
        "to import contacts plus merge duplicates",
        "to archive + restore projects",
        "to import/export recipes",
        "to pause my subscription; I also want to change its address",
        "to wash and iron shirts",
        "counting of tickets and paying of refunds",
        "to open the plan and choose a field",
        "to log in and pay",
        "bills to be paid automatically and receipts to be mailed to me",
        "to assign a mentor to each student and to inform both of them",
        "to register a bike and afterwards report it stolen",
        "to see how many seats are free and reserve two",
        "to be notified about deliveries and track the courier",
        "the system to scan invoices and book them",
        "users to upload documents and share them",
        "to be able to rate a driver and leave a comment",
        "to record mileage and print a report",
        "to mute the microphone and record the call",
        "to translate a text, save it and mail it to a colleague",
        "to plan a route as well as download the map",
        "to find a doctor nearby and make an appointment",
        "to block a number & delete its messages",
        "to approve invoices and forward them to accounting",
        "to filter the list by date and export the result",
        "to add a guest, remove a guest",
        "to manage users and to assign roles",
        "to register for a class and cancel it",
        "to compare two offers and accept one of them",
        "to have my order packed and shipped the same day",
        "to measure the room and calculate the paint",
        "to draw a garden and order its plants",
        "to schedule a visit and get a reminder",
        "to rename files and move them",
        "to scan a receipt and have it booked",
        "to display the schedule and allow changes to it",
        "to generate invoices and send reminders",
        "to invite friends, and they should get a mail",
        "to group tasks and sort them",
        "to renew my passport and pay the fee",
        "to print labels and stick them on boxes",
        "documents to be scanned and shredded",
        "to see open orders and to close them",
        "to buy a ticket and choose my seat",
    ],
)
def test_a_second_act_of_the_role_is_a_second_want(want: str) -> None:
    assert joints(want)


@pytest.mark.parametrize(
    "want",
    [
        "to see the roses and tulips in stock",
        "a cold store to keep roses fresh and save money",
        "to use a scanner to find errors and prevent harm",
        "to quickly and easily find a train",
        "to search and replace words in a letter",
        "to drag and drop files",
        "to check in and out",
        "to compare the price and quality of shoes",
        "to see the name and address of a customer",
        "to mute/unmute a call",
        "to approve or reject a claim",
        "to turn the light on and off",
        "to never be called or mailed",
        "to see who wrote and answered a message",
        "a hint that helps me turn and stop",
        "visit and travel costs on one sheet",
        "to open the search and help pages",
        "to change the terms and conditions",
        "to sort by row and by price",
        "to know what was bought and sold yesterday",
        "to be told when a parcel is sent and received",
        "to see orders that were paid and shipped",
        "to read and understand the rules in my language",
        "a list of lent and returned books",
        "to find people who live and work nearby",
        "to see the start and end of each shift",
        "to see the date and time of my visit",
        "to choose between tea and coffee",
        "to transfer money between accounts and banks",
        "to see the import and export figures",
        "to set the opening and closing times",
        "to print a certificate with name and date",
        "to know how to install and update the app",
        "to be warned before the battery is empty and the car stops",
        "to see which rooms are cleaned and ready",
        "to see reports and charts",
        "to get help with reading and writing",
        "to see load and capacity of each truck",
        "to accept or decline an invitation",
        "to follow or unfollow a topic",
        "to open and close the gate",
        "to see my balance and transactions",
        "to see the order and delivery status",
        "to see the contact and billing data",
        "a report on sales and returns",
        "to be shown the price including tax and shipping",
        "to pay by card or cash",
        "to view the minutes of meetings and decisions",
        "to know whether a seat is free or taken",
        "to see the profit and loss account",
        "a map that shows lakes and rivers",
        "to see the plan and progress of a project",
        "to wait and see the result",
        "to store my name and phone",
        "to upload photos and videos",
        "to see the cost and schedule of repairs",
        "to meet safety and health rules",
        "the app to work on phones and tablets",
        "to see a preview of the invoice and contract",
        "to mark a task as done and closed",
        'to write to "search and rescue"',
        "to receive updates and offers",
        "to block or allow cookies",
        "to remember which stops I made and liked",
        "to see distance and travel time",
        "to get an overview of work and rest hours",
        "to select the start and target stations",
        "to get a discount for children and students",
        "to see new and changed files",
        "to be reminded to eat and drink",
        "to have read and write access",
        "to compare and contrast two texts",
        "to enter height and weight",
        "to lock/unlock the door",
        "to try and find my way",
        "a program to read and print cards",
    ],
)
def test_what_else_a_conjunction_joins_is_no_second_want(want: str) -> None:
    assert joints(want) == []


def test_a_span_begins_at_the_conjunction_and_ends_with_the_verb() -> None:
    assert joints("to count the maps and then order new ones") == [("and then order", "high")]


def test_behind_another_clause_a_second_want_is_less_sure() -> None:
    assert joints("to see the maps that are dry and lend one") == [("and lend", "medium")]


def test_somebody_who_does_not_want_wants_one_thing() -> None:
    text = "to lend a map that shows names and send it to the archive"
    assert joints(text, opening="I never want") == []


@pytest.mark.parametrize(
    "opening", ["I'd like", "I would prefer", "I need", "I wish", "we should be able", "I have"]
)
def test_every_opening_is_read(opening: str) -> None:
    assert joints("to lend maps and sell a film", opening=opening)


@pytest.mark.parametrize(
    "text",
    [
        "As a Reader, I want to lend a map. I also want to sell it, so that I win.",
        "As a Reader, lend a map and sell it so that I win.",
        "As a Reader, I can lend a map and sell it, so that I win.",
        "So that I win, as a Reader, I want to lend a map and sell it.",
        "As a Reader, I am interested in lending maps and in selling films, so that I win.",
        "As a Reader I want lend a map and pay the fee online, so that I win.",
    ],
)
def test_second_wants_wherever_the_want_stands(text: str) -> None:
    assert "two_wants" in [one.kind for one in lint([StoryText(user_story=text)])[0].defects]

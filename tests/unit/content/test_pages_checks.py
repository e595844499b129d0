"""What the check of a page finds, and what it lets be."""

from typing import Any

import pytest

from content.pages.answer import parse_page
from content.pages.checks.check import Checked, check
from content.pages.checks.numbers import numbers_in
from content.pages.checks.words import word_keys
from content.pages.drafts import Generated, assemble
from content.pages.likeness import signature
from content.pages.values import BrandVoice, GenerationInput, Neighbour, PageDefect
from tests.hostile_texts import hostile, is_slow
from tests.unit.content.page_samples import PAGE, answer, component, generation_input

HERO = str(component("hero")["markdown"])


def checked(inp: GenerationInput, text: str) -> Checked:
    places = tuple(range(len(inp.page.components)))
    return check(inp, assemble(inp, Generated(answers=((places, parse_page(text)),))))


def found(*components: dict[str, Any], inp: GenerationInput | None = None, **meta: Any) -> Any:
    """Defects of the page of the samples with these components in place of its own."""
    given = {str(each["type"]): each for each in components}
    whole = [given.get(name, component(name)) for name in PAGE.components]
    return checked(inp or generation_input(), answer(*whole, **meta)).draft.defects


def kinds(defects: tuple[PageDefect, ...]) -> list[tuple[str, str]]:
    return [(each.criterion, each.kind) for each in defects]


def test_a_good_page_has_no_defects() -> None:
    made = checked(generation_input(), answer())
    assert made.draft.defects == ()
    assert (made.score, made.passes, made.draft.keyword_coverage) == (100, True, 1.0)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("It costs 39.90 EUR.", "price"),
        ("It costs \u20ac39.", "price"),
        ("It costs $ 4,990.00 now.", "price"),
        ("You save 20 %.", "percentage"),
        ("You save 20 percent.", "percentage"),
        ("It is 50 cm high.", "measure"),
        ("With a warranty of 2 years.", "measure"),
        ("Loved by 10 000 readers.", "number"),
        ("Made by 25 people.", "number"),  # as the sample of the voice says, which is no fact
        ("Since 1987.", "year"),
        ("The best lamp for you.", "superlative"),
        ("No. 1 for reading.", "superlative"),
        ("A perfect lamp.", "superlative"),
        ("Quality guaranteed.", "superlative"),
        ("See [more](https://example.com/other).", "link"),
    ],
)
def test_what_the_input_does_not_say_is_a_defect(said: str, kind: str) -> None:
    (defect,) = found(component("hero", markdown=f"{HERO} {said}"))
    assert (defect.criterion, defect.kind, defect.component) == ("facts", kind, 1)
    assert defect.severity in ("high", "medium")
    assert defect.message
    assert defect.suggestion
    if kind != "link":
        assert defect.span.field == "components[0].markdown"
        assert f"{HERO} {said}"[defect.span.start : defect.span.end] == defect.span.text


@pytest.mark.parametrize(
    "said",
    [
        "It costs 49,90 EUR and is 45cm high, with 7 W.",  # written another way
        "Delivered within 3 days.",  # by the project
        "Three ideas and 5 tips in 12 steps.",
        "Dora, the lamp of [this page](https://example.org/lamps/dora).",
        "Do your best, at best by daylight, as is best practice.",
        "The bestseller of X100 and H2O, version v2.0.1.",
    ],
)
def test_what_the_input_says_is_none(said: str) -> None:
    assert found(component("hero", markdown=f"{HERO} {said}")) == ()


def test_a_claim_with_a_source_is_none() -> None:
    inp = generation_input(facts={**PAGE.facts, "award": "Best lamp 2024, rated 4.8"})
    said = f"{HERO} The best lamp of 2024, rated 4.8."
    assert found(component("hero", markdown=said), inp=inp) == ()


def test_the_runs_instructions_are_a_source_too() -> None:
    said = f"{HERO} Free delivery from 75 EUR."
    inp = generation_input(instructions="Mention free delivery from 75 EUR.")
    assert found(component("hero", markdown=said), inp=inp) == ()
    assert found(component("hero", markdown=said)) != ()


@pytest.mark.parametrize(
    ("language", "tag", "said", "finds"),
    [
        ("German", "de", "Die g\u00fcnstigste Lampe.", True),
        ("German", "de", "Am besten lesen Sie abends.", False),
        ("French", "fr", "La meilleure lampe.", True),
        ("Spanish", "es", "La mejor l\u00e1mpara.", True),
        ("Italian", "it", "La migliore lampada.", True),
        ("Dutch", "nl", "De beste lamp.", True),
        ("Polish", "pl", "The best lamp.", False),
    ],
)
def test_superlatives_are_known_by_language(
    language: str, tag: str, said: str, finds: bool
) -> None:
    inp = generation_input(language=language, language_tag=tag)
    defects = found(component("hero", markdown=f"{said} {HERO}"), inp=inp)
    assert (("facts", "superlative") in kinds(defects)) is finds


@pytest.mark.parametrize(
    ("said", "finds"),
    [
        ("So cheap.", True),
        ("CHEAP lamps.", True),
        ("A game  changer.", True),
        ("A *game*\nchanger.", True),
        ("100% oak.", True),
        ("Cheaper than it looks.", False),
        ("It changes the game.", False),
    ],
)
def test_banned_words_are_whole_and_in_any_case(said: str, finds: bool) -> None:
    defects = found(component("hero", markdown=f"{HERO} {said}"))
    assert (("brand_voice", "banned_word") in kinds(defects)) is finds


def test_a_pages_own_banned_words_come_on_top() -> None:
    inp = generation_input(voice=BrandVoice(banned_words=("evenings",)))
    assert ("brand_voice", "banned_word") in kinds(found(inp=inp))
    assert "cheap" in inp.banned_words


@pytest.mark.parametrize(
    ("meta", "kind"),
    [
        ({"metaTitle": "Desk lamp " * 7}, "too_long"),
        ({"metaTitle": "\u2026"}, "empty"),
        ({"metaDescription": "A desk lamp " * 14}, "too_long"),
        ({"metaDescription": ""}, "empty"),
    ],
)
def test_meta_texts_have_their_lengths(meta: dict[str, Any], kind: str) -> None:
    (defect,) = found(**meta)
    assert (defect.criterion, defect.kind, defect.is_grave) == ("meta", kind, True)


def test_a_meta_text_may_fill_its_length() -> None:
    title, description = ("Desk lamp " + "x" * 60)[:60], ("Desk lamp " + "x" * 155)[:155]
    assert found(metaTitle=title, metaDescription=description) == ()


def test_components_are_those_of_the_page() -> None:
    page = answer(component("hero"), component("faq"), component("sizes"))
    made = checked(generation_input(), page)
    assert kinds(made.draft.defects) == [("components", "extra"), ("components", "missing")]
    assert made.draft.components[1] is None
    assert ("components", "empty") in kinds(found(component("faq", markdown="  \n***\n")))


def test_components_are_taken_in_the_pages_order_however_they_are_spelt() -> None:
    page = answer(component("FAQ"), component("Hero"), component("high lights"))
    draft = checked(generation_input(), page).draft
    assert [each.name if each else None for each in draft.components] == list(PAGE.components)


def test_headings_and_markup() -> None:
    assert kinds(found(component("faq", heading=""))) == [("headings", "missing")]
    assert found(component("hero", heading="")) == ()
    text = str(component("faq")["markdown"])
    assert kinds(found(component("faq", markdown=f"# A\n\n{text}"))) == [("headings", "order")]
    assert kinds(found(component("faq", markdown=f"<b>{text}</b>"))) == [("markup", "unsafe")]


def test_lengths_of_components() -> None:
    assert kinds(found(component("highlights", markdown="- Oak"))) == [("length", "too_short")]
    long = " ".join([HERO] * 8)
    assert kinds(found(component("hero", markdown=long))) == [("length", "too_long")]


def test_keywords_are_found_in_any_form() -> None:
    keywords = ("desk lamps", "light for reading", "oak lamp", "wall clock", "sofa")
    made = checked(generation_input(keywords=keywords), answer())
    assert made.draft.keyword_coverage == pytest.approx(3 / 5)
    (defect,) = made.draft.defects
    assert (defect.kind, defect.severity) == ("missing", "medium")
    assert '"wall clock", "sofa"' in defect.message


def test_the_first_keyword_counts_most() -> None:
    (defect,) = found(inp=generation_input(keywords=("wall clock", "desk lamp")))
    assert (defect.kind, defect.is_grave) == ("main_missing", True)
    assert checked(generation_input(keywords=()), answer()).draft.keyword_coverage is None


@pytest.mark.parametrize(
    ("tag", "forms"),
    [
        ("en", ("lamps", "lamp")),
        ("de", ("St\u00fchle", "Stuhl", "St\u00fchlen")),
        ("de", ("Schreibtischlampen", "Schreibtischlampe")),
        ("fr", ("bureaux", "bureau")),
        ("es", ("l\u00e1mparas", "l\u00e1mpara")),
        ("it", ("lampade", "lampada")),
        ("nl", ("lampen", "lamp")),
        ("pl", ("lampka", "lampkami")),
    ],
)
def test_forms_of_a_word_count_as_one(tag: str, forms: tuple[str, ...]) -> None:
    assert len({tuple(word_keys(form, tag)) for form in forms}) == 1


def test_keywords_of_scripts_without_spaces() -> None:
    inp = generation_input(keywords=("\u8aad\u66f8\u706f",), language_tag="ja", language="Japanese")
    said = f"{HERO} \u3053\u308c\u306f\u8aad\u66f8\u706f\u3067\u3059\u3002"
    assert ("keywords", "main_missing") in kinds(found(inp=inp))
    assert found(component("hero", markdown=said), inp=inp) == ()


def test_another_language_is_a_defect() -> None:
    german = "Die Lampe ist aus Eiche und steht auf dem Tisch, mit einem Licht, das nicht blendet. "
    page = [component(name, markdown=german * 3) for name in PAGE.components]
    assert ("language", "other_language") in kinds(found(*page))
    inp = generation_input(language="German", language_tag="de")
    assert ("language", "other_language") not in kinds(found(*page, inp=inp))
    assert ("language", "other_language") in kinds(found(inp=inp))


def test_a_page_that_says_what_another_one_says_is_a_defect() -> None:
    made = checked(generation_input(), answer())
    text = made.draft.text
    other = Neighbour(code="P2", signature=signature("another text " * 50))
    same = Neighbour(code="P7", signature=signature(text))
    assert found(inp=generation_input(neighbours=(other,))) == ()
    (defect,) = found(inp=generation_input(neighbours=(other, same)))
    assert (defect.criterion, defect.is_grave) == ("likeness", True)
    assert "100% of its phrases stand in page P7" in defect.message


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.299,00", ["1299.00"]),
        ("1,299.00", ["1299.00"]),
        ("1'299", ["1299"]),
        ("10 000", ["10000"]),
        ("1.299", ["1.299", "1299"]),
        ("1.299.000", ["1299000"]),
        ("4,8", ["4.8"]),
    ],
)
def test_numbers_mean_what_they_may_mean(text: str, values: list[str]) -> None:
    (number,) = numbers_in(text)
    assert sorted(map(str, number.values)) == values


def test_a_claim_counts_once_however_often_it_is_said() -> None:
    assert len(found(component("hero", markdown=f"{HERO} It costs 5 EUR. It costs 5 EUR."))) == 1


def test_defects_are_bounded_and_have_the_stories_shape() -> None:
    prices = " ".join([f"It costs {price} EUR." for price in range(100, 1_000)])
    defects = found(component("hero", markdown=prices))
    assert len(defects) == 200
    assert set(defects[0].as_json()) == {
        *("criterion", "kind", "severity", "confidence", "message", "suggestion"),
        *("field", "start", "end", "text"),
    }


def test_the_check_is_linear() -> None:
    banned = BrandVoice(banned_words=("a a a", "a", "1 1", "#", "- -"))
    inp = generation_input(voice=banned, components=("hero",))

    def read(text: str) -> None:
        checked(inp, answer(component("hero", markdown=text)))

    slow = [
        (little[:10], len(much))
        for little, much in zip(hostile(500), hostile(2_000), strict=True)
        if is_slow(read, little, much)
    ]
    assert not slow


def test_facts_of_any_depth_are_read() -> None:
    deep: Any = "77 EUR"
    for _ in range(2_000):
        deep = {"more": [deep]}
    inp = generation_input(facts={**PAGE.facts, "deep": deep})
    assert found(component("hero", markdown=f"{HERO} It costs 77 EUR."), inp=inp) == ()

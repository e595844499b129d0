"""When two addresses are the same page, and which are none."""

import pytest

from content.pages.addresses import address_key

SAME = [
    [
        "https://Shop.example/rope",
        "http://shop.example/rope/",
        "HTTPS://shop.example:443/rope#top",
        "http://shop.example:80/./x/../rope",
        "https://shop.example./%72ope",
        "https://shop.example//rope",
    ],
    ["https://shop.example", "https://shop.example/", "https://shop.example/#a"],
    ["/rope", "/rope/", "/rope#a", "/a/../rope"],
    ["/seile/für", "/seile/f%C3%BCr", "/seile/f%c3%bcr", "/seile/fu\u0308r"],
    ["https://münchen.example/", "https://xn--mnchen-3ya.example/", "https://MÜNCHEN.example"],
    ["/rope?a=1&b=%7e", "/rope/?a=1&b=~"],
]
OTHERS = [
    "/rope",
    "/Rope",
    "/rope?a=1",
    "/rope?a=2",
    "/rope?a=1&b=2",
    "/rope?b=2&a=1",
    "/rope/a",
    "/rope%2Fa",
    "https://shop.example/rope",
    "https://www.shop.example/rope",
    "https://shop.example:8443/rope",
    "https://[::1]/rope",
    "/",
]
NONE = [
    "",
    "rope",
    "rope/a",
    "//shop.example/rope",
    "/\\shop.example",
    "https:\\\\shop.example",
    "https://",
    "https:///rope",
    "http:/rope",
    "ftp://shop.example/rope",
    "javascript:alert(1)",
    "data:text/html,x",
    "mailto:a@shop.example",
    "https://user:secret@shop.example/rope",
    "https://user@shop.example/rope",
    "https://shop.example/a rope",
    "/a\trope",
    "/a\u00a0rope",
    "https://shop.example:notaport/",
    "https://shop.example:99999/",
    "https://[::1/rope",
    "https://shop..example/",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 200}example/",
]


@pytest.mark.parametrize("spellings", SAME, ids=lambda spellings: spellings[0])
def test_a_page_has_one_key_however_its_address_is_written(spellings: list[str]) -> None:
    assert len({address_key(url) for url in spellings}) == 1


def test_what_leads_elsewhere_is_another_page() -> None:
    assert len({address_key(url) for url in OTHERS}) == len(OTHERS)


@pytest.mark.parametrize("url", NONE)
def test_what_is_no_page_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(Give|An) a.*\.$|rope\.$"):
        address_key(url)

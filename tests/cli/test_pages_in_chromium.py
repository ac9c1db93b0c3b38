"""`--html` in a browser: nothing of a log runs, and the page is used by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.chromium import EXECUTABLE, Page, browse
from tests.cli.page_lines import ATTACKS, hostile_lines, make_page
from tests.logreader.log_lines import FAILED_REQUEST, ID, access_line, error_line, line

pytestmark = [
    pytest.mark.skipif(EXECUTABLE is None, reason="takes Chromium (apt-get install chromium)"),
    pytest.mark.slow,
]

COMMANDS = {"trace": ("trace", ID), "errors": ("errors",)}
SCREENS = {"desk": (1280, 900), "phone": (360, 740)}
SCHEMES = ("light", "dark")

CONTRASTS = """
(() => {
  const channels = (color) => {
    if (!color.startsWith("rgb")) return [0, 0, 0, 0];
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const brightness = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = channels(getComputedStyle(each).backgroundColor);
      if (color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!hasText || !element.checkVisibility() || element.closest("script, style")) continue;
    const [one, other] = [channels(getComputedStyle(element).color), ground(element)]
      .map(brightness).sort((a, b) => b - a);
    found.push([(one + 0.05) / (other + 0.05), element.className || element.tagName]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browse() as page:
        yield page


@pytest.fixture(autouse=True)
def large_screen(page: Page) -> None:
    page.set_screen(*SCREENS["desk"])


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.parentElement.id"))


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nothing_of_a_log_runs_or_loads(
    attack: str, command: tuple[str, ...], page: Page, tmp_path: Path
) -> None:
    path = make_page(tmp_path, hostile_lines(attack), *command)
    page.open(path)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.evaluate("document.querySelectorAll('*').forEach((each) => each.focus?.())")
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert page.evaluate("typeof window.attacked") == "undefined"
    assert page.requested == [path.as_uri()]
    # The policy had nothing to refuse, and the script of the page met nothing unexpected.
    assert page.problems == []
    assert page.evaluate("location.href") == path.as_uri()
    assert page.evaluate("[document.scripts.length, document.styleSheets.length]") == [1, 1]


def test_the_policy_refuses_what_would_get_into_the_page(page: Page, tmp_path: Path) -> None:
    path = make_page(tmp_path, FAILED_REQUEST, "trace", ID)
    injected = (
        "<script>window.attacked=1</script><img src='http://127.0.0.1:9/x'>"
        "<p id=styled style='position:fixed' onclick='window.attacked=1'>x</p>"
        "<a id=link href='javascript:window.attacked=1'>x</a><base href='http://127.0.0.1:9/'>"
    )
    path.write_text(path.read_text().replace("<main", f"{injected}<main", 1))
    page.open(path)
    page.evaluate("styled.click(); link.click()")
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert page.evaluate("typeof window.attacked") == "undefined"
    assert page.evaluate("getComputedStyle(styled).position") == "static"
    assert page.evaluate("document.baseURI") == path.as_uri()
    assert len(page.problems) >= 4
    assert not page.evaluate("document.images[0].naturalWidth")
    with pytest.raises(AssertionError, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>x</b>'")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_text_is_readable_in_light_and_dark_on_a_desk_and_a_phone(
    command: tuple[str, ...], screen: tuple[int, int], scheme: str, page: Page, tmp_path: Path
) -> None:
    lines = [
        *(line(f"step {n}", n / 100, level="DEBUG", buffered=True) for n in range(20)),
        line("reserve", 0.2, service="inventory", level="WARNING"),
        access_line(0.3, 404, service="inventory"),
        *FAILED_REQUEST,
    ]
    page.set_screen(*screen, scheme)
    page.open(make_page(tmp_path, lines, *command))
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert [each for each in contrasts if each[0] < 4.5] == []  # WCAG 2.2, level AA
    assert len(page.take_screenshot()) > 10_000
    (ground,) = {page.evaluate("getComputedStyle(document.body).backgroundColor")}
    assert ground == {"light": "rgb(251, 251, 250)", "dark": "rgb(19, 21, 24)"}[scheme]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("attack", ["plain", ATTACKS["wide"], ATTACKS["huge"]], ids=len)
def test_nothing_scrolls_sideways_on_a_phone(
    attack: str, command: tuple[str, ...], page: Page, tmp_path: Path
) -> None:
    page.set_screen(*SCREENS["phone"])
    page.open(make_page(tmp_path, hostile_lines(attack), *command))
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    outside = "[...document.querySelectorAll('main *')].filter("
    outside += "(each) => each.getBoundingClientRect().right > 361).length"
    assert page.evaluate(outside) == 0


def test_ten_thousand_records_load_scroll_and_are_filtered(page: Page, tmp_path: Path) -> None:
    lines = [line(f"row {n} read", n / 10_000, row=n) for n in range(10_000)]
    lines[7000] = error_line(0.7)
    page.open(make_page(tmp_path, lines, "trace", ID))
    rows = "document.querySelectorAll('.record')"
    shown = "[...document.querySelectorAll('.record')].filter((each) => each.checkVisibility())"
    assert page.evaluate(f"{rows}.length") == 10_000
    page.evaluate(f"{rows}[9999].scrollIntoView()")
    top = page.evaluate(f"{rows}[9999].getBoundingClientRect().top")
    assert 0 <= top < SCREENS["desk"][1]
    assert page.evaluate(f"{rows}[9999].innerText").endswith("row 9999 read row=9999")
    page.evaluate("document.querySelector('[type=search]').focus()")
    page.call("Input.insertText", text="ROW 4321 READ")
    page.evaluate("new Promise((done) => setTimeout(done, 300))")
    assert page.evaluate("document.querySelector('output').value") == "1 of 10,000 records"
    assert page.evaluate(f"{shown}.map((each) => each.id)") == ["record-4321"]
    page.evaluate("document.querySelector('[type=search]').value = ''")
    page.evaluate("document.querySelector('[value=info]').click()")
    page.evaluate("new Promise((done) => setTimeout(done, 300))")
    assert page.evaluate(f"{shown}.map((each) => each.id)") == ["record-7000"]
    assert page.problems == []


def test_the_page_is_used_by_keyboard(page: Page, tmp_path: Path) -> None:
    lines = [line(f"step {n}", n / 100) for n in range(20)]
    lines[7] = error_line(0.07, exc_info=None)
    page.open(make_page(tmp_path, lines, "trace", ID))
    page.press("j")
    page.press("j")
    assert focused(page) == "record-1"
    page.press("Enter")
    assert page.evaluate("document.getElementById('record-1').open")
    page.press("k")
    assert focused(page) == "record-0"
    page.press("e")
    assert focused(page) == "record-7"
    page.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.press("j")
    assert page.evaluate("document.activeElement.value") == "j"
    page.press("Escape")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_groups_are_filtered(page: Page, tmp_path: Path) -> None:
    names = ["Lost", "Late", "Torn", "Full", "Shut", "Gone"]
    lines = [
        error_line(exc_info=None, exc_type=f"{name}Error", path=f"/{name}", route=None)
        for name in names
    ]
    page.open(make_page(tmp_path, lines, "errors"))
    page.press("/")
    page.call("Input.insertText", text="torn")
    page.evaluate("new Promise((done) => setTimeout(done, 300))")
    shown = "[...document.querySelectorAll('.group:not([hidden]) > .head h2')]"
    assert page.evaluate(f"{shown}.map((each) => each.textContent.trim())") == ["TornError"]
    assert page.evaluate("document.querySelector('output').value") == "1 of 6 groups"


def test_a_link_to_a_record_opens_it_and_the_story_that_it_is_in(
    page: Page, tmp_path: Path
) -> None:
    page.open(make_page(tmp_path, FAILED_REQUEST, "errors"), "#story-0-0-2")
    assert page.evaluate("document.getElementById('story-0-0').open")
    assert page.evaluate("document.getElementById('story-0-0-2').open")
    assert focused(page) == "story-0-0-2"


def test_a_button_copies_the_text_beside_it(page: Page, tmp_path: Path) -> None:
    page.open(make_page(tmp_path, FAILED_REQUEST, "trace", ID))
    page.call("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    page.evaluate("document.querySelector('.queries').open = true")
    copied = []
    for button in range(4):
        page.evaluate(f"document.querySelectorAll('.copy')[{button}].click()")
        copied.append(page.evaluate("navigator.clipboard.readText()"))
        label = page.evaluate(f"document.querySelectorAll('.copy')[{button}].textContent")
        assert label == "Copied"
    shown = page.evaluate(
        "[...document.querySelectorAll('.copied code')].map((e) => e.textContent)"
    )
    assert copied == shown
    assert copied[0] == ID
    assert copied[1].startswith("fields @timestamp")


def test_without_scripts_the_page_can_be_read(page: Page, tmp_path: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(make_page(tmp_path, FAILED_REQUEST, "trace", ID))
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)
    text = page.evaluate("document.body.innerText")
    assert "shop.prices.PaymentError: no charges" in text
    assert "Copy" not in text

"""The page in a real browser: what a reader does, and what must never happen meanwhile."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hyperscale.commands.html_report import html_report
from hyperscale.page.drawing import Drawing
from hyperscale.page.plain_table import PlainTable
from hyperscale.shown import shown
from tests.commands.browser import Browser, find_browser
from tests.commands.page_runs import HOSTILE, make_pair, make_run

NUMBERS = PlainTable("Points", ("method", "accuracy %"), (False, True), (("dms", "71.5"),))
DOTS = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="30pt">'
    '<image href="http://127.0.0.1:9/x.png"/><script>document.title="broken"</script><circle cx="9" cy="9" r="5"/></svg>'
)
FIGURE = Drawing("Dots", DOTS, "One is drawn.", (NUMBERS,))
CUT_AT = "✂ cut here, after L = 1024 tokens"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        pytest.skip("there is no chromium on this machine (Debian: apt-get install chromium)")
    with Browser(executable, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    many = {f"m{number}": "= =" if number % 3 else "8 8" for number in range(1, 251)}
    pages = {
        "pair": html_report(make_pair(folder / "pair"), folder / "pair.html", [FIGURE]),
        "many": html_report([make_run(folder / "many", many).path], folder / "many.html"),
    }
    for number in range(1, 12):
        make_run(folder / "crowd" / str(number), many if number > 9 else dict([*many.items()][:40]), seed=number)
    pages["crowd"] = html_report([folder / "crowd"], folder / "crowd.html", [FIGURE])
    make_run(folder / "bad", {f"<i>{HOSTILE}": "= -"}, [HOSTILE], model=f"<b>{HOSTILE}", licence=HOSTILE)
    make_run(folder / "tasks" / "a", {"a1": "= =", "a2": "= ="}, task="aime24")
    make_run(folder / "tasks" / "c", {"a1": "= ="}, task="aime24", method="dms")
    make_run(folder / "tasks" / "b", {"b1": "8 8"})
    pages["tasks"] = html_report([folder / "tasks"], folder / "tasks.html")
    make_run(folder / "gpqa", {"rec1": "= 8"}, ["ZQUESTION"], task="gpqa_diamond", kind="choice")
    pages["bad"] = html_report([folder / "bad"], folder / "bad.html", [FIGURE])
    pages["gpqa"] = html_report([folder / "gpqa"], folder / "gpqa.html")
    return pages


@pytest.fixture
def page(browser: Browser, paths: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The browser on a page; afterwards nothing may have been asked of anyone, and nothing may have been complained about."""
    path = paths[getattr(request, "param", "pair")]
    browser.look(1400, 900)
    browser.open(path.as_uri())
    yield browser
    asked = [url for url in browser.requests if not url.startswith("data:")]
    assert (asked, browser.errors, browser.messages) == ([path.as_uri()], [], [])


def rows(page: Browser) -> list[str]:
    found: list[str] = page.run("[...document.querySelectorAll('#table tbody th button')].map((one) => one.textContent)")
    return found


def sort_states(page: Browser) -> list[str]:
    found: list[str] = page.run(
        "[...document.querySelectorAll('#table thead th[aria-sort]')].map((one) => one.getAttribute('aria-sort'))"
    )
    return found


def press_head(page: Browser, number: int) -> None:
    page.run(f"document.querySelectorAll('#table thead button')[{number}].click()")


def choose(page: Browser, field: str, value: str) -> None:
    page.run(
        f"""(() => {{
            const field = document.querySelector('[name="{field}"]');
            field.value = {json.dumps(value)};
            field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", {{ bubbles: true }}));
        }})()"""
    )


def open_problem(page: Browser, number: int = 0) -> None:
    page.run(f"document.querySelectorAll('#table tbody th button')[{number}].click()")
    page.wait_for("document.querySelector('.chains details')")


def open_chains(page: Browser) -> list[str]:
    """Open every chain of the open problem; the texts that are seen."""
    page.run("document.querySelectorAll('.chains details').forEach((one) => (one.open = true))")
    page.wait_for("[...document.querySelectorAll('.chains details')].every((one) => one.childElementCount > 1)")
    found: list[str] = page.run("[...document.querySelectorAll('.chains pre')].map((one) => one.textContent)")
    return found


def look_at_all(page: Browser) -> None:
    """Problems that only some runs have, too."""
    page.run("document.querySelector('[name=scope]').selectedIndex = 1")
    page.run("document.querySelector('[name=scope]').dispatchEvent(new Event('change', { bubbles: true }))")


def found(page: Browser) -> str:
    text: str = page.run("document.getElementById('found').textContent")
    return text


def test_problems_stand_in_their_natural_order(page: Browser) -> None:
    look_at_all(page)
    assert rows(page) == ["p1", "p2", "p3", "p10", "p11", "p12", "p20"]
    assert sort_states(page) == ["ascending", *["none"] * 6]
    assert found(page) == "7 of 7 problems"


def test_problems_of_all_runs_are_shown_first(page: Browser) -> None:
    assert rows(page) == ["p1", "p2", "p3", "p10", "p11"]
    assert found(page) == "5 of 7 problems"
    texts = page.run("[...document.querySelector('[name=scope]').options].map((one) => one.textContent)")
    assert texts == ["in all runs (5)", "in any run (7)"]
    look_at_all(page)
    assert (len(rows(page)), found(page)) == (7, "7 of 7 problems")
    page.run("document.querySelector('[type=reset]').click()")
    assert found(page) == "5 of 7 problems"
    assert page.run("document.querySelector('[name=scope]').selectedIndex") == 0


@pytest.mark.parametrize("page", ["many"], indirect=True)
def test_where_all_runs_have_all_problems_nothing_is_asked(page: Browser) -> None:
    assert page.run("document.querySelector('[name=scope]')") is None


@pytest.mark.parametrize("page", ["tasks"], indirect=True)
def test_runs_of_other_tasks_lack_nothing(page: Browser) -> None:
    assert rows(page) == ["a1", "b1"]
    texts = page.run("[...document.querySelector('[name=scope]').options].map((one) => one.textContent)")
    assert texts == ["in all runs of their task (2)", "in any run (3)"]


@pytest.mark.parametrize("page", ["pair", "crowd"], indirect=True)
def test_many_filters_are_folded_away_and_say_what_is_chosen(page: Browser) -> None:
    few = page.run("document.querySelectorAll('[name^=outcome]').length") == 2
    assert page.run("document.getElementById('outcomes').open") is few
    heading = "document.querySelector('#outcomes summary').textContent"
    assert page.run(heading) == "Outcomes by run"
    choose(page, "outcome-0", "right")
    choose(page, "outcome-1", "not right")
    assert page.run(heading) == "Outcomes by run (2 chosen)"
    page.run("document.querySelector('[type=reset]').click()")
    assert page.run(heading) == "Outcomes by run"


def test_a_heading_sorts_and_sorts_back(page: Browser) -> None:
    look_at_all(page)
    press_head(page, 1)  # outcome of the first run: right, tie, wrong, no answer, error, unfinished, not there
    assert rows(page) == ["p1", "p2", "p3", "p10", "p11", "p12", "p20"]
    press_head(page, 1)
    assert rows(page) == ["p12", "p11", "p10", "p3", "p2", "p1", "p20"]  # what is not there stays last
    assert sort_states(page) == ["none", "descending", *["none"] * 5]
    press_head(page, 6)  # reads of the second run, by number
    assert rows(page) == ["p1", "p2", "p3", "p10", "p11", "p20", "p12"]
    press_head(page, 5)  # right chains of the second run: 0, 0, then 1/2, then all; alike ones by name
    assert rows(page) == ["p1", "p3", "p10", "p2", "p11", "p20", "p12"]
    press_head(page, 0)
    press_head(page, 0)
    assert rows(page) == ["p20", "p12", "p11", "p10", "p3", "p2", "p1"]


def test_the_keyboard_sorts_and_opens(page: Browser) -> None:
    look_at_all(page)
    page.run("document.querySelectorAll('#table thead button')[6].focus()")
    page.press("Enter", 13)
    page.press(" ", 32)
    assert sort_states(page)[6] == "descending"
    assert rows(page)[0] == "p20"
    page.press("Tab", 9)  # from the last heading to the first problem
    assert page.run("document.activeElement.textContent") == "p20"
    page.press("Enter", 13)
    page.wait_for("document.querySelector('.chains details')")
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.press("Enter", 13)
    assert page.run("document.querySelector('.chains')") is None


def test_filters_find_what_one_run_gets_right_and_another_wrong(page: Browser) -> None:
    look_at_all(page)
    choose(page, "outcome-0", "right")
    choose(page, "outcome-1", "wrong")
    assert rows(page) == ["p1"]
    choose(page, "outcome-0", "not right")
    choose(page, "outcome-1", "right")
    assert rows(page) == ["p2", "p10", "p11"]  # p20 is not in the first run
    choose(page, "outcome-0", "not in this run")
    assert (rows(page), found(page)) == (["p20"], "1 of 7 problems")
    choose(page, "query", "P1")
    assert (rows(page), found(page)) == ([], "0 of 7 problems")
    assert "No problem fits these filters." in page.run("document.getElementById('table').innerText")
    page.run("document.querySelector('[type=reset]').click()")
    assert len(rows(page)) == 5


def test_filters_say_how_many_they_would_find(page: Browser) -> None:
    texts = "[...document.querySelector('[name=\"outcome-1\"]').options].map((one) => one.textContent)"
    assert page.run(texts) == ["any outcome", "right (3)", "wrong (2)", "not right (2)"]
    look_at_all(page)
    assert page.run(texts) == ["any outcome", "right (4)", "wrong (2)", "not in this run (1)", "not right (2)"]
    choose(page, "outcome-1", "not in this run")
    assert rows(page) == ["p12"]
    page.run("document.querySelector('[name=scope]').selectedIndex = 0")
    page.run("document.querySelector('[name=scope]').dispatchEvent(new Event('change'))")
    assert rows(page) == []  # what was chosen stays chosen, in sight
    assert page.run("document.querySelector('[name=\"outcome-1\"]').value") == "not in this run"


def test_a_problem_opens_its_chains_side_by_side(page: Browser) -> None:
    assert page.run("document.body.innerText").count("so") - page.run("document.body.innerText").count("sort") < 5
    choose(page, "query", "p10")
    open_problem(page)
    assert page.run("document.querySelectorAll('.chains pre').length") == 0  # texts wait until they are asked for
    assert open_chains(page) == ["so" + CUT_AT, "so", "so" + CUT_AT, "so" + CUT_AT]
    sides = page.run("[...document.querySelectorAll('.chains details:first-of-type .side')].map((one) => one.innerText)")
    assert [side.splitlines()[0] for side in sides] == ["vanilla 1x", "dms 8x"]
    words = [" ".join(side.split()) for side in sides]
    for expected in ("verdict – no answer", "answer none", "ended length: cut at L = 1024 tokens", "tokens 7", "KV reads 400"):
        assert expected in words[0]
    assert "aux reads 1" in words[0]
    assert "peak 14 entries" in words[0]
    assert "realised CR 1.00x" in words[0]
    assert "verdict ✓ right (equal)" in words[1]
    marks = page.run("document.querySelector('.chains summary').innerText")
    assert " ".join(marks.split()) == "chain 0 vanilla 1x – no answer dms 8x ✓ right 7"
    assert "ended stop: the model was done" in words[1]
    lefts = page.run("[...document.querySelectorAll('.chains details:first-of-type .side')].map((one) => one.offsetLeft)")
    assert lefts[0] < lefts[1]


def test_an_open_problem_stays_open_while_the_table_is_sorted(page: Browser) -> None:
    open_problem(page)
    open_chains(page)
    press_head(page, 0)
    assert page.run("document.querySelector('.panel').previousElementSibling.querySelector('button').textContent") == "p1"
    assert page.run("document.querySelectorAll('.chains details[open]').length") == 2
    page.run("document.querySelector('[aria-expanded=true]').click()")
    assert page.run("document.querySelector('.panel')") is None


def test_a_click_anywhere_on_a_row_opens_it(page: Browser) -> None:
    page.run("document.querySelectorAll('#table tbody td')[2].click()")
    page.wait_for("document.querySelector('.chains details')")


def test_broken_missing_and_ungraded_chains_say_so(page: Browser) -> None:
    look_at_all(page)
    choose(page, "query", "p12")
    open_problem(page)
    open_chains(page)
    text = page.run("document.querySelector('.chains').innerText")
    assert "… unfinished" in text
    assert "This run does not have this chain." in text
    page.run("document.querySelector('[aria-expanded=true]').click()")
    choose(page, "query", "p11")
    open_problem(page)
    assert open_chains(page)[0] == "so✂ broke here, after 7 tokens"


@pytest.mark.parametrize("page", ["many"], indirect=True)
def test_long_tables_have_pages(page: Browser) -> None:
    def pager() -> Any:
        return page.run("[...document.querySelectorAll('#pager button')].map((one) => [one.textContent, one.disabled])")

    assert rows(page) == [f"m{number}" for number in range(1, 101)]
    assert found(page) == "250 of 250 problems, 1 to 100 shown"
    assert pager() == [["First", True], ["Previous", True], ["Next", False], ["Last", False]]
    page.run("document.querySelectorAll('#pager button')[2].click()")
    assert page.run("document.activeElement.textContent") == "Next"
    assert rows(page)[0] == "m101"
    page.run("document.querySelectorAll('#pager button')[3].click()")
    assert rows(page) == [f"m{number}" for number in range(201, 251)]
    open_problem(page, 49)
    assert open_chains(page) == ["so", "so"]
    choose(page, "outcome-0", "wrong")
    assert (len(rows(page)), found(page)) == (83, "83 of 250 problems")
    assert pager() == []


@pytest.mark.parametrize("page", ["bad"], indirect=True)
def test_hostile_texts_are_shown_as_they_are(page: Browser) -> None:
    title = page.run("document.title")
    open_problem(page)
    texts = open_chains(page)
    marked = shown(HOSTILE)
    assert "<U+0000><U+0007><U+001B>[31m <U+D800> <U+DC00> 🦜👩\u200d🔬 שלום <U+202E>gnp.exe<U+202C> " in marked
    assert texts == [marked, marked + CUT_AT]
    assert rows(page) == [f"<i>{marked}"]
    assert page.run("[...document.querySelectorAll('img')].every((one) => one.src.startsWith('data:image/svg+xml'))")
    assert page.run("document.querySelectorAll('body script').length") == 3
    assert page.run("document.querySelectorAll('body i, body b, body style').length") == 0
    assert page.run("document.title") == title
    assert not page.run("document.title").startswith("broken")


@pytest.mark.parametrize("page", ["gpqa"], indirect=True)
def test_private_questions_stay_out(page: Browser) -> None:
    open_problem(page)
    assert open_chains(page) == []
    text = page.run("document.body.innerText")
    assert "hyperscale report --html FILE --show-questions" in text
    assert "The text is left out" in text
    assert "✗ wrong" in text  # what it came to is there


def test_the_policy_stops_every_request_and_every_script(browser: Browser, paths: dict[str, Path]) -> None:
    browser.open(paths["pair"].as_uri())
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        here = f"http://127.0.0.1:{server.getsockname()[1]}"
        for attempt in (
            f"fetch('{here}/data').then(() => 'sent', () => 'stopped')",
            f"new Promise((done) => {{ const one = new Image(); one.onload = () => done('sent');"
            f" one.onerror = () => done('stopped'); one.src = '{here}/image'; }})",
            "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'set' } catch { return 'stopped' } })()",
            "(() => { try { document.body.setAttribute('onclick', 'x'); return 'set' } catch { return 'stopped' } })()",
        ):
            assert browser.run(attempt) == "stopped"
        with pytest.raises(TimeoutError):
            server.accept()
    assert browser.errors  # and the browser says what it stopped: the check above would see it


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1920, "light")])
@pytest.mark.parametrize("page", ["pair", "bad", "crowd"], indirect=True)
def test_nothing_runs_over_the_edge(page: Browser, width: int, scheme: str) -> None:
    page.look(width, 800, scheme)
    open_problem(page)
    open_chains(page)
    assert page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    inside = "[...document.querySelectorAll('.chains .side')].every((one) => one.getBoundingClientRect().right <= innerWidth)"
    assert page.run(inside)
    dark = page.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")


@pytest.mark.parametrize("page", ["pair", "bad", "crowd"], indirect=True)
def test_nothing_runs_over_the_edge_of_a_sheet(page: Browser) -> None:
    open_problem(page)
    open_chains(page)
    page.look(1046, 718, media="print")  # A4, landscape, between margins of 10 mm
    page.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    things = "[...document.querySelectorAll('table, img, pre, .side')]"
    assert page.run(f"{things}.filter((one) => one.getBoundingClientRect().right > innerWidth).length") == 0
    assert page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_figures_keep_their_size_on_a_small_screen_and_scroll(page: Browser) -> None:
    page.look(390, 844)
    box = "document.querySelector('.paper')"
    assert page.run("document.querySelector('figure img').getBoundingClientRect().width") == 495
    assert page.run(f"[{box}.scrollWidth > {box}.clientWidth, {box}.clientWidth < 390]") == [True, True]


def test_figures_are_dimmed_where_the_page_is_dark(page: Browser) -> None:
    ground = "getComputedStyle(document.querySelector('.paper')).backgroundColor"
    light = page.run(ground)
    page.look(390, 844, "dark")
    assert (light, page.run(ground)) == ("rgb(255, 255, 255)", "rgb(212, 212, 212)")
    assert page.run("getComputedStyle(document.querySelector('figure img')).filter") == "brightness(0.83)"


@pytest.mark.parametrize("page", ["crowd"], indirect=True)
def test_names_of_settings_stay_in_sight(page: Browser) -> None:
    page.look(390, 844)
    box = "document.querySelector('.settings').parentElement"
    page.run(f"{box}.scrollLeft = 500")
    left = page.run(f"{box}.querySelector('tbody th').getBoundingClientRect().left - {box}.getBoundingClientRect().left")
    assert 0 <= left <= 1


def test_paper_shows_everything_but_the_controls(page: Browser) -> None:
    open_problem(page)
    open_chains(page)
    page.look(800, 1000, media="print")
    assert page.run("getComputedStyle(document.getElementById('filters')).display") == "none"
    assert page.run("getComputedStyle(document.querySelector('pre')).maxHeight") == "none"


def test_every_control_has_a_name(page: Browser) -> None:
    open_problem(page)
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "combobox", "searchbox", "region", "link", "image", "DisclosureTriangle")
    controls = [node for node in tree if node.get("role", {}).get("value") in roles and not node.get("ignored")]
    names = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in controls}
    assert ("searchbox", "problem contains") in names
    assert ("combobox", "dms 8x") in names
    assert ("button", "reads, dms 8x: sort") in names
    assert ("image", "Dots; its numbers are in a table below") in names
    assert ("combobox", "problems") in names
    assert not [role for role, name in names if not name]

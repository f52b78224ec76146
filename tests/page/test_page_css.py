"""Contrast of every text colour on every ground it stands on, by the formulas of WCAG 2.1."""

import re
from pathlib import Path

import pytest

from hyperscale.page import document

CSS = (Path(document.__file__).parent / "page.css").read_text()
ROOTS = re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)
LIGHT, DARK = (dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block)) for block in ROOTS[:2])
TEXTS = ("text", "muted", "accent", "right", "tie", "wrong", "error")


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_gives_known_contrasts() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_can_be_read(colours: dict[str, str]) -> None:
    pairs = [(text, ground) for text in TEXTS for ground in ("ground", "raised")] + [("text", "notice")]
    too_faint = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in too_faint.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_controls_can_be_seen(colours: dict[str, str]) -> None:
    assert contrast(colours["control"], colours["ground"]) >= 3


def test_the_style_sheet_loads_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face", CSS)

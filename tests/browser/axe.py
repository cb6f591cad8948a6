"""What axe finds wrong with a page as it stands: the rules of WCAG, and in the dark once more those about colours."""

from functools import cache
from typing import Any

from playwright.async_api import Page

from tests.services import ROOT

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
# Light and dark differ in nothing but colours: tokens.css.
ABOUT_COLOURS = ["color-contrast", "link-in-text-block"]
# What is gliding in is half transparent: a contrast that nobody sees. What goes on for ever has no text.
AT_REST = """async () => {
    const ends = document.getAnimations().filter(each => each.effect.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ends.map(each => each.finished));
}"""
RUN = """async rules => {
    const only = rules === null ? {} : {runOnly: {type: "rule", values: rules}};
    const {violations} = await axe.run(document, {resultTypes: ["violations"], ...only});
    return violations
        .filter(({impact}) => impact === "serious" || impact === "critical")
        .map(({id, nodes}) => ({rule: id, at: nodes.map(({html}) => html.slice(0, 200))}));
}"""


@cache
def _axe() -> str:
    return AXE.read_text()


async def problems_of(page: Page) -> list[dict[str, Any]]:
    """What is serious or critical, in light and in dark: the rule, and where it is broken."""
    if not await page.evaluate("'axe' in globalThis"):
        await page.evaluate(_axe())
    found: list[dict[str, Any]] = []
    for scheme, rules in (("light", None), ("dark", ABOUT_COLOURS)):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.evaluate(AT_REST)
        found += [{"page": page.url, "scheme": scheme, **each} for each in await page.evaluate(RUN, rules)]
    await page.emulate_media(color_scheme="light")
    return found


async def assert_accessible(page: Page) -> None:
    assert await problems_of(page) == []

"""Axe, the checker of accessibility, over the labs of a page. Its script comes with axe-playwright-python."""

from importlib import resources

import pytest

RUN = """
async () => {
  const found = await axe.run({ include: [['.sc-lab']] }, { resultTypes: ['violations'] });
  return found.violations.map((v) => [v.impact, v.id, v.help, v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + n.html.slice(0, 160) + ' ' + (n.any[0] ? n.any[0].message : ''))]);
}
"""


def violations(page):
    pytest.importorskip("axe_playwright_python", reason="axe is not installed: pip install 'segcourse[test]'")
    if not page.evaluate("Boolean(window.axe)"):
        # Not as a <script>: RequireJS, where a notebook brings it, would take axe for one of its modules.
        script = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
        page.evaluate(f"(() => {{ const define = undefined; {script} }})()")
    return page.evaluate(RUN)


def faults(page):
    """[impact, rule, what it asks for, where] of what axe calls serious or critical in the labs of the page."""
    return [found for found in violations(page) if found[0] in ("serious", "critical")]

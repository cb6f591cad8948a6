"""What a browser or program is called in the list of somebody's devices, by what it says of itself."""

import re

# The first that is found: nearly all of them also say that they are Chrome and Safari.
BROWSERS = (
    (re.compile(r"Edg(A|iOS)?/"), "Edge"),
    (re.compile(r"OPR/"), "Opera"),
    (re.compile(r"SamsungBrowser/"), "Samsung Internet"),
    (re.compile(r"Firefox/|FxiOS/"), "Firefox"),
    (re.compile(r"Chrome/|CriOS/"), "Chrome"),
    (re.compile(r"Safari/"), "Safari"),
)
SYSTEMS = (
    (re.compile(r"Android"), "Android"),
    (re.compile(r"iPhone|iPad"), "iOS"),
    (re.compile(r"Windows"), "Windows"),
    (re.compile(r"Mac OS X"), "macOS"),
    (re.compile(r"CrOS"), "ChromeOS"),
    (re.compile(r"Linux"), "Linux"),
)
PROGRAM = re.compile(r"[A-Za-z][\w.+-]{0,39}")


def called(agent: str) -> str:
    """For the words of a User-Agent header: `Firefox, Linux`, or `curl`; empty if they tell nothing."""
    if not agent.startswith("Mozilla/"):
        program = PROGRAM.match(agent)
        return program[0] if program else ""
    found = (
        next((name for pattern, name in names if pattern.search(agent)), "") for names in (BROWSERS, SYSTEMS)
    )
    return ", ".join(filter(None, found))

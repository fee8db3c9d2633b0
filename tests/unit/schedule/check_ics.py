"""Reads a calendar with python3-icalendar as a calendar program would, and holds it against what it should say.

check_ics.py FILE < EXPECTED: a line for each event, `uid<TAB>start<TAB>end<TAB>status<TAB>summary`, instants in seconds since 1970, in order.
Exit 77: the module is not there.
"""

import re
import sys

try:
    from icalendar import Calendar
except ImportError:
    sys.exit(77)


def read(text):
    calendar = Calendar.from_ical(text)
    assert not calendar.errors, calendar.errors
    assert str(calendar["VERSION"]) == "2.0" and "PRODID" in calendar and "METHOD" in calendar
    for event in calendar.walk("VEVENT"):
        assert not event.errors, event.errors
        for name in ("UID", "DTSTAMP", "SEQUENCE", "CREATED", "LAST-MODIFIED"):
            assert name in event, name
        yield [str(event["UID"]), str(int(event.decoded("DTSTART").timestamp())), str(int(event.decoded("DTEND").timestamp())),
               str(event["STATUS"]), str(event.get("SUMMARY", ""))]


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        text = file.read()
    expected = [line.rstrip("\n").split("\t") for line in sys.stdin]
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "") and "\r" not in text.replace("\r\n", "")
    for line in text.split("\r\n"):
        assert len(line.encode()) <= 75, line
    # Under its own name a zone is the parser's; under a name nobody knows it is what VTIMEZONE says.
    renamed = re.sub(r"(TZID[=:])(\w+)/(\w+)", r"\1Test-\2-\3", text)
    for version in (text, renamed):
        events = list(read(version))
        assert events == expected, f"\n{events}\n{expected}"


main()

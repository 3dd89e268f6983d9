#!/usr/bin/env python3
"""Prints "NAME: N passed, N failed, N skipped" for a JUnit file of pytest. usage: junit_counts.py NAME FILE"""

import sys
import xml.etree.ElementTree as tree

suite = tree.parse(sys.argv[2]).getroot().find("testsuite")
count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
bad = count["failures"] + count["errors"]
print(f"{sys.argv[1]}: {count['tests'] - bad - count['skipped']} passed, {bad} failed, {count['skipped']} skipped")

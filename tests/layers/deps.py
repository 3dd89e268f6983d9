#!/usr/bin/env python3
"""Reads `bazel query --output=xml` of all cc_* rules on standard input and compares deps with what the sources include.

Bazel's sandbox shows a source every header of the transitive deps, so an undeclared use compiles until somebody else's deps
change. Here each `#include "folder/x.h"` must come from the target itself or from a direct dep, and stand in some target.
Prints one finding a line, nothing if there is none.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as tree

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def path_of(label):
    return label.removeprefix("//").replace(":", "/").lstrip("/")


def package_of(label):
    return label.split(":")[0]


class Target:
    def __init__(self, rule):
        self.name = rule.get("name")
        lists = {item.get("name"): [label.get("value") for label in item] for item in rule.findall("list")}
        self.sources = lists.get("srcs", [])
        self.headers = lists.get("hdrs", [])
        self.deps = [dep for dep in lists.get("deps", []) if dep.startswith("//")]
        self.private = lists.get("visibility", []) in ([], ["//visibility:private"])

    def included(self):
        """By the sources that stand in the tree; generated ones are the generator's business."""
        headers = set()
        for path in map(pathlib.Path, map(path_of, self.sources + self.headers)):
            if path.suffix in (".c", ".h") and path.exists():
                headers.update(INCLUDE.findall(path.read_text()))
        return headers


def exported(target, targets):
    """Headers that a dep on this target stands for; one without headers passes its own package's on."""
    headers = set(map(path_of, target.headers))
    if not headers:
        for dep in target.deps:
            if dep in targets and package_of(dep) == package_of(target.name):
                headers |= exported(targets[dep], targets)
    return headers


def main():
    text = sys.stdin.read().replace('version="1.1"', 'version="1.0"', 1)  # expat reads no other
    targets = {rule.get("name"): Target(rule) for rule in tree.fromstring(text).findall("rule")}
    owners = {}
    for target in sorted(targets.values(), key=lambda target: target.private):
        for header in exported(target, targets):
            owners.setdefault(header, target.name)
    for target in targets.values():
        own = set(map(path_of, target.sources + target.headers))
        direct = set().union(*(exported(targets[dep], targets) for dep in target.deps if dep in targets))
        for header in sorted(target.included() - own - direct):
            if header in owners:
                print(f"{target.name}: includes {header} without a dep on {owners[header]}")
            elif pathlib.Path(header).exists():
                print(f"{target.name}: includes {header}, which is in no target's hdrs and not in its own srcs")


main()

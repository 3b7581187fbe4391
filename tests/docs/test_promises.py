"""The manifest of promises names only tests that exist."""

from __future__ import annotations

import ast

import yaml

from tests.conftest import ROOT


def test_every_promise_has_a_source_and_tests_that_exist() -> None:
    promises = yaml.safe_load((ROOT / "tests" / "promises.yaml").read_text(encoding="utf-8"))
    assert len({entry["promise"] for entry in promises}) == len(promises)
    for entry in promises:
        assert (ROOT / entry["source"].split(",")[0]).exists(), entry
        assert entry["tests"], entry
        for test in entry["tests"]:
            path, name = test.split("::")
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assigned = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
            names |= {target.id for target in assigned if isinstance(target, ast.Name)}
            assert name in names, test

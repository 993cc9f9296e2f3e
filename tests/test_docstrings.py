"""Docstrings keep up with the code: what they name is there, and what a class begins to document it documents whole."""

import ast
import builtins
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"fdp_bench": ROOT, "fdp_policies": ROOT / "policies", "fdp_shifts": ROOT / "shifts"}
#: One pair of back quotes around a Python name, dotted or not; two pairs mean a literal.
QUOTED = re.compile(r"(?<!`)`([A-Za-z_][A-Za-z0-9_.]*)`(?!`)")
ATTRIBUTES = re.compile(r"^Attributes:\n((?: {4}.*\n?|\n)*)", re.MULTILINE)


@cache
def files():
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for name in SOURCES
        for path in (SOURCES[name] / name).rglob("*.py")
    }


@cache
def known_names():
    """Every identifier, keyword, module and plugin of the three packages."""
    found = set(dir(builtins)) | set(
        re.findall(r"^([a-z_]+) = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    )
    for path, tree in files().items():
        found.update(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(tree):
            found.update(
                value
                for name in ("name", "arg", "id", "attr", "module")
                if isinstance(value := getattr(node, name, None), str)
            )
    return found


def docstrings(tree):
    """(line, text) of each string that stands alone, under a field as well."""
    return [
        (node.lineno, node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]


def module_of(dotted):
    """File of the longest prefix that is a module of the three packages, and the names behind it."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        stem = SOURCES[parts[0]].joinpath(*parts[:count])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path in files():
                return path, parts[count:]
    return None, parts


def is_there(name):
    if name.split(".")[0] not in SOURCES:
        return set(name.split(".")) <= known_names() | {"json", "jsonl", "py", "toml"}
    path, rest = module_of(name)
    if path is None:
        return False
    defined = {
        text
        for node in ast.walk(files()[path])
        for text in (
            getattr(node, "name", None),
            getattr(node, "id", None),
            getattr(node, "attr", None),
            getattr(node, "asname", None),
        )
        if text
    }
    return set(rest) <= defined


def test_names_in_back_quotes_are_there():
    unknown = [
        f"{path.relative_to(ROOT)}:{line} `{name}`"
        for path, tree in files().items()
        for line, text in docstrings(tree)
        for name in QUOTED.findall(text)
        if not is_there(name)
    ]

    assert unknown == []


def is_public_field(node):
    return (
        isinstance(node, ast.AnnAssign)
        and not node.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(node.annotation)
    )


def undocumented_fields(node):
    """Fields of a dataclass that neither its docstring nor a string under them documents."""
    listed = ATTRIBUTES.search(ast.get_docstring(node) or "")
    documented = set(re.findall(r"^ {4}(\w+):", listed[1], re.MULTILINE)) if listed else set()
    for field, after in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
            documented.add(field.target.id)
    fields = [field.target.id for field in node.body if is_public_field(field)]
    return [name for name in fields if name not in documented] if documented else []


def test_a_dataclass_that_documents_a_field_documents_all():
    drifted = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {', '.join(missing)}"
        for path, tree in files().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any("dataclass" in ast.unparse(each) for each in node.decorator_list)
        and (missing := undocumented_fields(node))
    ]

    assert drifted == []


def test_parameters_that_a_docstring_lists_are_those_of_the_function():
    drifted = []
    for path, tree in files().items():
        for node in ast.walk(tree):
            listed = (
                re.search(r"^Args:\n((?: {4}.*\n?|\n)*)", ast.get_docstring(node) or "", re.MULTILINE)
                if isinstance(node, ast.FunctionDef)
                else None
            )
            if listed is None:
                continue
            arguments = node.args
            taken = [
                *arguments.posonlyargs,
                *arguments.args,
                *arguments.kwonlyargs,
                *filter(None, (arguments.vararg, arguments.kwarg)),
            ]
            names = {each.arg for each in taken} - {"self", "cls"}
            told = set(re.findall(r"^ {4}\*{0,2}(\w+):", listed[1], re.MULTILINE))
            if names != told:
                drifted.append(
                    f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {', '.join(sorted(names ^ told))}"
                )

    assert drifted == []

"""Who may import whom, in the host's layers and from its plugins; and what starting up loads."""

import ast
import itertools
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOST, POLICIES, SHIFTS = ROOT / "fdp_bench", ROOT / "policies", ROOT / "shifts"

#: Parts of the host, lowest layer first; a part imports only itself and parts of lower layers.
LAYERS: tuple[set[str], ...] = (
    {"api", "stats"},
    {"plugins", "records", "sim", "toy"},
    {"specs", "tasks"},
    {"demos", "runner", "report"},
    {"training", "calibration"},
    {"testing", "gate", "suites", "diagnose"},
    {"cli"},
    {"__main__"},
)
LAYER_OF = {part: layer for layer, parts in enumerate(LAYERS) for part in parts}

#: What is too heavy for `fdp-bench --help`.
HEAVY = (
    "gymnasium",
    "h5py",
    "imageio",
    "jinja2",
    "matplotlib",
    "mujoco",
    "numba",
    "numpy",
    "pandas",
    "robosuite",
    "scipy",
    "statsmodels",
    "torch",
    "tqdm",
)
SUBCOMMANDS = sorted(path.stem for path in (HOST / "cli").glob("[!_]*.py") if path.stem != "main")


def imported_modules(path: Path, package_root: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, in functions and under TYPE_CHECKING too."""
    package = path.relative_to(package_root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def imports(package_root: Path, folder: Path) -> list[tuple[str, str]]:
    """Pairs (file, imported module) of every file below a folder."""
    return [
        (str(path.relative_to(ROOT)), module)
        for path in sorted(folder.rglob("*.py"))
        for module in imported_modules(path, package_root)
    ]


def starts_with(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def import_circles(package_root: Path, package: str) -> list[list[str]]:
    """Circles of imports between files, and between the entries of each folder, where a sub-folder counts as one."""
    files = {}
    for path in (package_root / package).rglob("*.py"):
        parts = path.relative_to(package_root).with_suffix("").parts
        files[parts[:-1] if parts[-1] == "__init__" else parts] = path
    # Folder, or None for the graph of all files -> entry -> entries that it imports.
    graphs: dict[tuple[str, ...] | None, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for source, path in files.items():
        for module in imported_modules(path, package_root):
            target = tuple(module.split("."))
            while target and target not in files:
                target = target[:-1]
            if not target:
                continue
            graphs[None][".".join(source)].add(".".join(target))
            pairs = zip(source, target, strict=False)
            folder = tuple(ours for ours, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
            if folder not in (source, target):
                importing, imported = (".".join(side[: len(folder) + 1]) for side in (source, target))
                graphs[folder][importing].add(imported)
    circles = []
    for graph in graphs.values():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circles.append(error.args[1])
    return circles


def run_python(code: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, cwd=ROOT / "tests"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_imports_are_found_wherever_they_stand(tmp_path):
    package = tmp_path / "package" / "part"
    package.mkdir(parents=True)
    source = package / "module.py"
    source.write_text(
        "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\n"
        "def late():\n    import h\n    import_module('i')\n"
    )

    assert set(imported_modules(source, tmp_path)) == {
        "a.b",
        "c.d",
        "package.part.e",
        "package.f.g",
        "h",
        "i",
    }


@pytest.mark.parametrize(
    ("sources", "circle"),
    [
        (
            {"a.py": "def late():\n    from package.b import x", "b.py": "import package.a"},
            {"package.a", "package.b"},
        ),
        ({"a.py": "def late():\n    from package.a import x"}, {"package.a"}),
        (
            {
                "one/a.py": "import package.two.b",
                "two/b.py": "",
                "two/c.py": "from package.one import d",
                "one/d.py": "",
            },
            {"package.one", "package.two"},
        ),
    ],
    ids=["two files, one in a function", "itself", "two folders"],
)
def test_a_circle_of_imports_is_found(tmp_path, sources, circle):
    for name, source in sources.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    assert circle in [set(found) for found in import_circles(tmp_path, "package")]


@pytest.mark.parametrize(
    ("package_root", "package"),
    [(ROOT, "fdp_bench"), (POLICIES, "fdp_policies"), (SHIFTS, "fdp_shifts")],
    ids=["host", "policies", "shifts"],
)
def test_neither_files_nor_folders_import_in_a_circle(package_root, package):
    assert import_circles(package_root, package) == []


def test_the_host_imports_neither_torch_nor_a_plugin():
    forbidden = [
        pair for pair in imports(ROOT, HOST) if starts_with(pair[1], "torch", "fdp_policies", "fdp_shifts")
    ]

    assert forbidden == []


def test_every_part_of_the_host_has_a_layer():
    parts = {path.stem for path in HOST.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}

    assert parts - {"__init__"} <= set(LAYER_OF)


def test_the_host_imports_only_downwards():
    upwards = []
    for file, module in imports(ROOT, HOST):
        part = Path(file).parts[1].removesuffix(".py")
        target = module.split(".")[1] if starts_with(module, "fdp_bench") and "." in module else None
        if part == "__init__" or target is None or target == part or target not in LAYER_OF:
            continue
        if LAYER_OF[target] >= LAYER_OF[part]:
            upwards.append((file, module))

    assert upwards == []


def test_statistics_know_nothing_of_the_rest():
    foreign = [
        pair
        for pair in imports(ROOT, HOST / "stats")
        if starts_with(pair[1], "fdp_bench") and not starts_with(pair[1], "fdp_bench.stats")
    ]

    assert foreign == []


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        (POLICIES, ("fdp_policies", "fdp_bench.api", "fdp_bench.sim", "fdp_bench.demos.dataset")),
        (SHIFTS, ("fdp_shifts", "fdp_bench.api", "fdp_bench.sim")),
    ],
    ids=["policies", "shifts"],
)
def test_built_in_plugins_see_only_the_hosts_public_face(folder, allowed):
    hidden = [
        pair
        for pair in imports(folder, folder)
        if starts_with(pair[1], "fdp_bench", "fdp_policies", "fdp_shifts")
        and not starts_with(pair[1], *allowed)
    ]

    assert hidden == []


def test_the_public_names_are_declared_alike_to_python_and_to_type_checkers():
    import fdp_bench.api

    source = HOST / "api" / "__init__.py"
    declared = {
        module.removeprefix("fdp_bench.api.")
        for module in imported_modules(source, ROOT)
        if starts_with(module, "fdp_bench.api")
    }
    lazy = {f"{module}.{name}" for module, names in fdp_bench.api._NAMES_BY_MODULE.items() for name in names}

    assert lazy == declared
    assert all(hasattr(fdp_bench.api, name) for name in fdp_bench.api.__all__)


def test_an_unknown_public_name_is_an_attribute_error():
    import fdp_bench.api

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fdp_bench.api.no_such_name


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in SUBCOMMANDS)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments):
    code = f"""
import contextlib, io, sys
from fdp_bench.cli.main import main
shown = io.StringIO()
try:
    with contextlib.redirect_stdout(shown):
        main(sys.argv[1:])
except SystemExit as stopped:
    assert not stopped.code, stopped.code
assert "usage" in shown.getvalue(), shown.getvalue()
print(*sorted(set(sys.modules) & set({HEAVY!r})))
"""
    assert run_python(code, *arguments) == ""


def test_training_needs_neither_robosuite_nor_mujoco():
    code = """
import sys
from importlib import import_module
sys.modules["robosuite"] = sys.modules["mujoco"] = None  # importing them raises ModuleNotFoundError
for name in sys.argv[1:]:
    import_module(name)
"""
    package = POLICIES / "fdp_policies"
    modules = [
        ".".join(path.relative_to(POLICIES).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(package.rglob("*.py"))
        if path.stem != "__main__"
    ]

    assert "fdp_policies.fdp" in modules
    run_python(code, *modules)

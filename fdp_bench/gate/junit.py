"""A judgement as JUnit XML, which continuous integration shows as tests: one testcase an arm."""

import re
from pathlib import Path
from xml.etree import ElementTree

from fdp_bench.api.errors import RunError
from fdp_bench.gate.render import arm_sentence, flip_names, headline
from fdp_bench.gate.verdict import ArmVerdict, Judgement

#: What XML 1.0 cannot hold, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, judgement: Judgement, *, name: str, task: str, time_s: float) -> None:
    """Write the file. A regression is a ``failure``; an arm that cannot be told is an ``error``.

    Args:
        path: The file; its folder is made where it is missing.
        judgement: What is written.
        name: Name of the test suite.
        task: Task of the arms; their class name.
        time_s: Wall time of the whole in seconds.

    Raises:
        RunError: If the file cannot be written.
    """
    verdicts = [arm.verdict for arm in judgement.arms]
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count("regressed")),
        "errors": str(verdicts.count("undecided")),
        "skipped": "0",
        "time": f"{time_s:.3f}",
    }
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(name), **counts})
    for arm in judgement.arms:
        _add_testcase(suite, arm, judgement.margin, task)
    ElementTree.SubElement(suite, "system-out").text = _clean(headline(judgement))
    ElementTree.indent(root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise RunError(
            f"JUnit file {str(path)!r} cannot be written: {error}; choose another --junit"
        ) from error


def _add_testcase(suite: ElementTree.Element, arm: ArmVerdict, margin: float, task: str) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": _clean(task), "name": _clean(arm.comparison.name), "time": "0"}
    )
    sentence = _clean(arm_sentence(arm, margin))
    flipped = "\n".join([sentence, *map(_clean, flip_names(arm.comparison))])
    if arm.verdict == "pass":
        ElementTree.SubElement(case, "system-out").text = flipped
    else:
        kind = "failure" if arm.verdict == "regressed" else "error"
        ElementTree.SubElement(case, kind, {"message": sentence, "type": arm.verdict}).text = flipped


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)

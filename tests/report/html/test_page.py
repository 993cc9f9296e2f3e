import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_records import arm, twin_arms
from fake_runs import write_run
from fake_suites import BASE, suite_runs
from pages import HOSTILE, ladder, no_ladder, ordinary_records, write_hostile_page, write_page

from fdp_bench import __version__
from fdp_bench.report import write
from fdp_bench.report.coverage import Coverage
from fdp_bench.report.html import page as page_module
from fdp_bench.report.html.grid import MARKS
from fdp_bench.report.html.page import MAX_BYTES
from fdp_bench.report.html.tables import signed_points
from fdp_bench.report.runs import Runs, load_runs
from fdp_bench.report.shift_previews.severity_frames import Ladder

ROOT = Path(__file__).resolve().parents[3]


class Tags(HTMLParser):
    """Every start tag with its attributes, and all text outside style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.shown += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder, ordinary_records(), strips=True, video=True).read_text()


@pytest.fixture(scope="module")
def tags(page: str) -> Tags:
    return Tags(page)


def test_the_page_is_self_contained_and_refuses_to_load_anything(page: str, tags: Tags) -> None:
    loaded = [
        value
        for _, attributes in tags.tags
        for name, value in attributes.items()
        if name in ("src", "srcset", "data", "poster") and value
    ]
    assert loaded
    assert all(value.startswith("data:image/") for value in loaded)
    assert [link["rel"] for link in tags.all("link")] == ["icon"]
    (policy,) = (meta["content"] for meta in tags.all("meta") if meta.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert "url(" not in page.split("<body>")[0].replace("url(%23", "")
    assert len(page.encode()) < MAX_BYTES


def test_every_section_is_there_and_in_the_navigation(tags: Tags) -> None:
    sections = [section["id"] for section in tags.all("section")]
    assert sections == ["success", "curves", "shifts", "films", "safety", "episodes", "made", "cite"]
    assert [f"#{section}" for section in sections] == [
        link["href"] for link in tags.all("a") if str(link["href"]).startswith("#") and "class" not in link
    ]


def test_the_headline_shows_rate_interval_drop_and_adjusted_p(tags: Tags) -> None:
    text = " ".join(tags.shown.split())
    assert "dp-dit occlusion 5 12 0% 0–24" in text
    assert re.search(r"92% \+92 \+\d+ to \+\d+ 0\.0\d\d", text)
    assert "smallest detectable difference" in text
    assert "Smallest paired difference that 12 pairs detect" in text


def test_intervals_are_drawn_where_they_lie(page: str) -> None:
    assert '<circle cx="2.0" cy="8" r="4"/>' in page
    assert '<circle cx="102.0" cy="8" r="4"/>' in page


def test_each_severity_stands_beside_the_clean_frame_with_its_measured_change(tags: Tags) -> None:
    text = " ".join(tags.shown.split())
    assert "clean level 1 Δ 20.0 level 2 Δ 40.0 level 3 Δ 60.0 level 4 Δ 80.0 level 5 Δ 100.0" in text


def test_every_picture_says_what_it_shows(tags: Tags) -> None:
    assert all(image["alt"] for image in tags.all("img"))
    assert any("what dp-dit saw of episode 0" in str(image["alt"]) for image in tags.all("img"))


def test_curves_come_for_light_and_for_dark_pages(tags: Tags) -> None:
    dark = [source for source in tags.all("source") if "dark" in str(source["media"])]
    curves = [image for image in tags.all("img") if str(image["src"]).startswith("data:image/svg")]
    assert len(dark) == len(curves) > 0


def test_each_episode_is_a_mark_with_its_seed_and_outcome(tags: Tags) -> None:
    marks = [tag for tag in tags.all("i") + tags.all("a") if tag.get("title")]
    assert len(marks) == len(ordinary_records())
    titles = {str(mark["title"]) for mark in marks}
    assert "episode 0, seed 0: success, 90 steps" in titles
    assert "episode 11, seed 0: no success, 90 steps" in titles
    assert len(set(MARKS.values())) == 3


def test_marks_lead_to_the_videos_that_there_are(tags: Tags) -> None:
    links = [str(link["href"]) for link in tags.all("a") if link.get("title")]
    assert len(links) == 8
    assert "../run/videos/fdp-prop-over-vision_clean_0001.mp4" in links


def test_safety_figures_have_their_paired_differences(tags: Tags) -> None:
    text = " ".join(tags.shown.split())
    assert "peak force, N change [95%] peak speed, rad/s" in text
    assert "safety, policy against policy" in text


def test_the_manifest_the_commands_and_the_citations_are_there(tags: Tags) -> None:
    assert "mujoco 3.9.0" in tags.shown
    assert "fdp-bench report run" in tags.shown
    assert "2509.16830" in tags.shown
    assert f"version = {{{__version__}}}" in tags.shown


def test_tables_can_be_read_without_the_script(tags: Tags) -> None:
    assert tags.all("button") == []
    assert all("hidden" not in attributes for _, attributes in tags.tags)


def test_what_looks_like_markup_is_shown_as_text(tmp_path: Path) -> None:
    page = write_hostile_page(tmp_path).read_text()
    tags = Tags(page)
    assert len(tags.all("script")) == 1
    assert HOSTILE not in page
    sections = re.split(r'<section id="(\w+)"', page)
    shown = {name: Tags(text).shown for name, text in zip(sections[1::2], sections[2::2], strict=True)}
    # Names of policies, phases, shifts, cameras, views and strips; what manifests say of themselves.
    for name in ("success", "curves", "shifts", "films", "episodes", "made"):
        assert HOSTILE in shown[name], name
    assert f"no film strip of undrawn{HOSTILE}" in tags.shown


def test_pictures_of_the_page_hold_no_script(tmp_path: Path) -> None:
    page = write_hostile_page(tmp_path).read_text()
    drawn = [
        base64.b64decode(text) for text in re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page)
    ]
    assert len(drawn) >= 4
    for picture in drawn:
        assert "script" not in {
            element.tag.rpartition("}")[2] for element in ElementTree.fromstring(picture).iter()
        }
    assert any(b"&lt;script" in picture for picture in drawn)


def test_a_shift_that_changes_no_picture_is_named_and_not_shown(tmp_path: Path) -> None:
    def unseen(task: str, shift: str) -> Ladder:
        drawn = ladder(task, shift)
        return replace(drawn, rows=dict.fromkeys(drawn.rows, drawn.rows[0.0]))

    page = write_page(tmp_path, twin_arms("+", "-", shift="prop_bias@3"), draw=unseen)
    tags = Tags(page.read_text())
    assert "No picture changes under prop_bias (Lift-v1)." in tags.shown
    assert "prop_bias on Lift-v1" not in tags.shown
    assert not list(page.parent.glob("strip-*"))


def test_several_tasks_stand_in_one_table_with_a_line_between_them(tmp_path: Path) -> None:
    records = arm("++-") + arm("+-", policy="other")
    runs = [
        write_run(tmp_path / "one", records),
        write_run(tmp_path / "two", arm("+--", task="fdp_bench/Can-v1")),
    ]
    write.write_report(load_runs(runs), tmp_path / "report", no_ladder)
    text = (tmp_path / "report" / "report.html").read_text()
    table = text[text.index("All tasks: success under shifts</caption>") :].partition("</table>")[0]
    rows = re.findall(r"<tr(.*?)>\s*<th scope=\"row\">(.*?)</th>", table)
    assert rows == [("", "Can-v1"), (' class="turn"', "Lift-v1"), ("", "Lift-v1")]


def write_suite_page(folder: Path, runs: Runs, **options: object) -> Tags:
    """The page of a suite's runs, whose manifests name the weights of each base."""
    for number, manifest in enumerate(runs.manifests):
        task = manifest.config["task"]
        run = write_run(folder / "runs" / str(number), [r for r in runs.records if r.spec.task == task])
        facts = json.loads((run / "manifest.json").read_text())
        (run / "manifest.json").write_text(json.dumps({**facts, "policies": list(manifest.policies)}))
    write.write_report(load_runs([folder / "runs"]), folder, no_ladder, **options)  # type: ignore[arg-type]
    return Tags((folder / "report.html").read_text())


def test_what_a_base_does_alone_is_drawn_and_has_a_column(tmp_path: Path) -> None:
    runs = suite_runs(1, 1, 1)
    tags = write_suite_page(tmp_path, runs)
    alone = sum(r.success_once for r in runs.records if r.spec.bare_policy == BASE and r.spec.is_clean)
    text = " ".join(tags.shown.split())
    assert "base alone" in text
    assert f"clean {2 * alone}" in text
    assert "dashed line: the policy's base alone under the same shift" in text
    drawn = [line for line in tags.all("line") if line.get("class") == "base"]
    assert drawn[0]["x1"] == f"{2 + 2.0 * alone}"
    assert len(drawn) == 2


def test_without_a_base_there_is_no_column_for_it(tags: Tags) -> None:
    assert "base alone" not in tags.shown


def test_training_seeds_and_the_figure_of_gains_are_on_the_page(tmp_path: Path) -> None:
    tags = write_suite_page(tmp_path, suite_runs(2, 1, 3))
    assert "Lift-v1: training seeds side by side" in tags.shown
    assert "gains, over what the base does alone" in tags.shown
    written = {file.name for file in tmp_path.iterdir()}
    assert {f"base-and-gain.{ending}" for ending in ("png", "svg", "csv", "md")} <= written
    assert {"seed-cells.csv", "seeds.csv"} <= written


def test_what_a_suite_lacks_stands_at_the_top_and_names_the_family_of_its_tests(tmp_path: Path) -> None:
    coverage = [Coverage("paper", "Suite paper is not complete:", ("Door: all 4 cells <b>",))]
    tags = write_suite_page(tmp_path, suite_runs(1, 1, 1), coverage=coverage)
    text = " ".join(tags.shown.split())
    assert text.index("Suite paper is not complete: Door: all 4 cells <b>") < text.index(
        "success under shifts"
    )
    assert "every comparison in suite paper" in text
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("Suite paper is not complete:\n\n- Door: all 4 cells \\<b\\>\n\n### ")
    assert "every test of a shift in suite paper" in summary


def test_runs_below_the_page_are_named_as_seen_from_it(tmp_path: Path) -> None:
    tags = write_suite_page(tmp_path, suite_runs(1, 1, 1))
    assert "Manifest of runs/0" in " ".join(tags.shown.split())
    assert str(tmp_path) not in tags.shown


def test_what_could_not_be_drawn_is_told(tmp_path: Path) -> None:
    tags = Tags(write_page(tmp_path, twin_arms("+", "-"), draw=no_ladder).read_text())
    assert "no film strip of occlusion" in tags.shown
    assert "episode 0 could" not in tags.shown


def test_notes_of_the_run_stand_under_its_tables(tmp_path: Path) -> None:
    tags = Tags(write_page(tmp_path, arm("+-"), notes=["retest: 1 of 5 < 2 flipped"]).read_text())
    assert "retest: 1 of 5 < 2 flipped" in tags.shown


def test_a_page_that_would_grow_too_large_leaves_out_strips_then_marks_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[page_module.Page] = []
    monkeypatch.setattr(write, "render", lambda page: kept.append(page) or page_module.render(page))
    whole = len(write_page(tmp_path, ordinary_records(), strips=True).read_bytes())

    def shown(limit: int) -> tuple[int, Tags]:
        monkeypatch.setattr(page_module, "MAX_BYTES", limit + page_module._SPARE)
        text = page_module.render(kept[0])
        return len(text.encode()), Tags(text)

    size, tags = shown(whole)
    assert size == whole
    assert "Left out" not in tags.shown
    size, tags = shown(whole - 5_000)
    assert size < whole - 5_000
    assert "Left out to keep this page small: what the policies saw under occlusion" in tags.shown
    assert len(tags.all("i")) > 90
    size, tags = shown(size - 8_000)
    assert "Left out to keep this page small: the marks of single episodes" in tags.shown
    assert len(tags.all("i")) == 3


def test_the_citation_file_agrees_with_the_package(page: str) -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {__version__}\n" in citation
    names = re.findall("family-names: (.+)", citation)
    assert len(names) == 5
    assert all(f"{name}, " in page for name in names)
    assert re.findall("    title: (.+)", citation)[0] in page


@pytest.mark.parametrize(("value", "text"), [(3.4, "+3"), (-3.6, "−4"), (0.2, "0"), (-0.2, "0")])
def test_points_have_a_sign_and_zero_has_none(value: float, text: str) -> None:
    assert signed_points(value) == text

"""Names from strangers' records in every format: shown as they are, never acted on."""

import csv
import io
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_records import arm, twin_arms
from fake_runs import slugs, write_run
from fake_sweeps import severity_records
from matplotlib.image import imsave
from pages import HOSTILE, no_ladder
from PIL import Image

from fdp_bench.records import Manifest
from fdp_bench.report.figures.picture_files import is_picture
from fdp_bench.report.html.pictures import file_picture
from fdp_bench.report.names import shift_slug
from fdp_bench.report.runs import Runs, load_runs
from fdp_bench.report.tables.losses import loss_table
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.text.markup import csv_text, latex_report, markdown_report
from fdp_bench.report.text.terminal import shown, terminal_table
from fdp_bench.report.typeset import printable
from fdp_bench.report.write import write_report

#: Names that some format would act on: formulas of spreadsheets and of Matplotlib, markup, escape sequences.
NAMES = (
    HOSTILE,
    '=HYPERLINK("http://x","y")',
    "@SUM(1)",
    "+1",
    "-1",
    "\tx",
    r"$\undefined{$",
    "$a$",
    "a|b",
    "[x]",
    "*x",
    r"\input{/etc/passwd}",
    "a & b % c # d ~ e ^ f",
    "line\nbreak",
    "\x1b[31mred",
    "\u202egnp",
    "\x00",
    "\U0001f916",
)


def tables_of(name):
    records = [*twin_arms("++-", "+--", policy=name), *arm("+-", policy="other")]
    return summarize(records), compare_policies(records)


@pytest.mark.parametrize("name", NAMES)
def test_spreadsheets_take_no_name_for_a_formula(name):
    summary, _ = tables_of(name)
    rows = list(csv.DictReader(io.StringIO(csv_text(summary), newline="")))
    # The label of what begins with "@" is empty: a checkpoint without a policy.
    assert {row["policy"] for row in rows} == {
        "other",
        f"'{name}" if name.startswith(("=", "+", "-", "@", "\t")) else name,
    }
    assert not any(cell.startswith(("=", "+", "@", "\t")) for row in rows for cell in row.values())


def test_numbers_below_zero_stay_numbers_in_csv():
    summary = summarize(twin_arms(clean="+-", shifted="-+++"))
    summary.loc[0, "paired_drop"] = -0.25
    assert "-0.25" in csv_text(summary).splitlines()[1].split(",")


def test_columns_are_no_formulas_either():
    summary = summarize(arm("+"))
    assert csv_text(summary.rename(columns={"task": "=1+1"})).startswith("'=1+1,")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_markdown_stays_one_row_with_as_many_cells(name):
    table = markdown_report(*tables_of(name)).split("\n\n")[1].splitlines()
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert len(table) == 2 + 3
    assert len(cells) == 1
    assert "<script>" not in "".join(table)


def test_titles_of_markdown_tables_hold_no_markup():
    records = arm("+", task="x/<b>-v1")
    assert r"### x/\<b\>-v1: success" in markdown_report(summarize(records), compare_policies(records))


@pytest.mark.parametrize("name", NAMES)
def test_latex_commands_of_a_name_are_letters(name):
    text = latex_report(*tables_of(name))
    assert r"\input" not in text
    assert r"\undefined" not in text
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()[1:-1]
    assert len(body) == 3
    assert all(len(re.findall(r"(?<!\\)&", line)) == 10 and line.endswith(r"\\") for line in body)
    assert not any(line.strip().startswith(("[", "*")) for line in body)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_drives_the_terminal(name):
    summary, _ = tables_of(name)
    for text in (terminal_table(summary), shown(f"one\n{name}\nthree")):
        assert all(line.isprintable() for line in text.split("\n"))


def test_printable_text_keeps_what_can_be_seen():
    assert printable("fdp:prop>vision, 25 demos é \U0001f916") == "fdp:prop>vision, 25 demos é \U0001f916"
    assert printable("a\nb\tc\x1bd\u202ee") == "a b c\ufffdd\ufffde"


def test_pictures_show_any_name_and_run_nothing(tmp_path):
    records = [
        record
        for name in NAMES[:1] + NAMES[6:8] + NAMES[13:]
        for record in severity_records({0: 4, 1: 3, 5: 1}, policy=name, shift="$\\x{$\x1b", episodes=4)
    ]
    run = write_run(tmp_path / "run", arm("+"))
    write_lines(run, records)
    report = write_report(load_runs([run]), tmp_path / "report", no_ladder)
    drawn = [file for file in report.files if file.suffix == ".svg"]
    assert {file.name for file in drawn} == {"success.svg", "severity.svg"}
    for file in drawn:
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(file).iter()}
        assert "script" not in tags
        texts = [element.text for element in ElementTree.parse(file).iter() if element.text]
        assert any(HOSTILE in text for text in texts)
        assert any(r"$\undefined{$" in text for text in texts)


def write_lines(run, records):
    import json

    text = "".join(json.dumps(record.to_json()) + "\n" for record in records)
    (run / "episodes.jsonl").write_text(text)


def test_a_strip_of_another_format_is_no_picture(tmp_path):
    # Pillow would give an EPS file to Ghostscript.
    path = tmp_path / "strip.png"
    Image.new("RGB", (8, 8)).save(path, format="EPS")
    assert not is_picture(path)
    with pytest.raises(OSError, match="strip"):
        file_picture(path, "")


def test_a_pipe_in_place_of_a_strip_is_not_waited_for(tmp_path):
    run = write_run(tmp_path / "run", twin_arms("+", "-"))
    (run / "strips").mkdir()
    for slug in slugs(run).values():
        os.mkfifo(run / "strips" / f"{slug}.png")
    write_report(load_runs([run]), tmp_path / "report", no_ladder)
    assert not list((tmp_path / "report").glob("film-*"))


def test_a_whole_strip_is_a_picture(tmp_path):
    imsave(tmp_path / "strip.png", [[[0.2, 0.4, 0.6]]])
    assert is_picture(tmp_path / "strip.png")


def logged(tmp_path, write):
    source = tmp_path / "p.safetensors"
    write(source.with_suffix(".csv"))
    card = {"log": {"rows": [{"phase": "card", "step": 1, "train_loss": 1.0}]}}
    policy = {"spec": "p", "sha256": "aa", "source": str(source), "card": card}
    return loss_table(
        Runs((Path("runs/m"),), (Manifest("m", "complete", "", {}, 0, policies=[policy]),), ()),
        {("p", "aa"): "p"},
    )


@pytest.mark.parametrize(
    "write",
    [
        os.mkfifo,
        lambda path: path.mkdir(),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_bytes(b"step\n" + b"0" * (9 * 2**20)),
        lambda path: path.write_text("step\n" + "x" * 200_000),
    ],
)
def test_a_training_log_that_is_none_leaves_the_cards_own_rows(tmp_path, write):
    assert logged(tmp_path, write)["phase"].tolist() == ["card"]


def test_losses_that_no_plot_can_show_are_left_out(tmp_path):
    rows = "step,phase,train_loss,heldout_loss\n1e999,a,1,1\n2,a,1e300,inf\n3,a,0.5,nan\n"
    table = logged(tmp_path, lambda path: path.write_text(rows))
    assert table["step"].tolist() == [2.0, 3.0]
    assert table["train_loss"].isna().tolist() == [True, False]


def test_names_of_pictures_stay_short_and_in_their_folder():
    slug = shift_slug("../../" + "x" * 400 + "@3")
    assert len(slug) == 120
    assert "/" not in slug
    assert not slug.startswith(".")

"""The choice of the OpenGL implementation, and the process's one context."""

import os
import subprocess
import sys
import threading

import pytest

from fdp_bench.api.errors import RenderingError
from fdp_bench.sim import gl


@pytest.fixture
def no_choice(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)


@pytest.mark.usefixtures("no_choice")
def test_egl_comes_first(monkeypatch):
    monkeypatch.setattr(gl, "egl_works", lambda: True)
    monkeypatch.setattr(gl, "osmesa_works", lambda: True)
    assert gl.choose_backend() == "egl"


@pytest.mark.usefixtures("no_choice")
def test_osmesa_stands_in_where_there_is_no_egl(monkeypatch):
    monkeypatch.setattr(gl, "egl_works", lambda: False)
    monkeypatch.setattr(gl, "osmesa_works", lambda: True)
    assert gl.choose_backend() == "osmesa"


@pytest.mark.usefixtures("no_choice")
def test_with_neither_one_line_names_the_packages(monkeypatch):
    monkeypatch.setattr(gl, "egl_works", lambda: False)
    monkeypatch.setattr(gl, "osmesa_works", lambda: False)
    with pytest.raises(RenderingError) as caught:
        gl.choose_backend()
    message = str(caught.value)
    assert "\n" not in message
    for package in ("libegl1", "libgl1-mesa-dri", "libosmesa6"):
        assert package in message


def test_the_users_choice_is_respected(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "OSMesa")
    monkeypatch.setattr(gl, "egl_works", lambda: pytest.fail("probed although chosen"))
    assert gl.choose_backend() == "osmesa"


def test_an_unknown_choice_is_refused_with_the_nearest(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "elg")
    with pytest.raises(RenderingError, match="did you mean 'egl'"):
        gl.choose_backend()


@pytest.mark.parametrize(("users", "expected"), [(None, "0"), ("3", "3")])
def test_mesas_threads_are_set_unless_the_user_did(monkeypatch, users, expected):
    if users is None:
        monkeypatch.delenv("LP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("LP_NUM_THREADS", users)
    monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", ""))
    gl.prepare_environment()
    assert os.environ["LP_NUM_THREADS"] == expected


def test_probing_egl_disturbs_no_later_context():
    code = (
        "import os; os.environ.pop('MUJOCO_GL', None)\n"
        "from fdp_bench.sim import gl\n"
        "assert gl.egl_works() and gl.egl_works()\n"
        "print(gl.gl_strings()['backend'])"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert finished.stdout.strip() == "egl"
    assert finished.stderr == ""


def test_a_library_that_is_missing_gives_one_line(monkeypatch):
    def missing(_):
        raise ImportError("libOSMesa.so.8: cannot open shared object file")

    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setattr(gl, "_backend_module", missing)
    with pytest.raises(RenderingError, match=r"MUJOCO_GL=osmesa .*libOSMesa.* apt-get install") as caught:
        gl.SharedContext()
    assert "\n" not in str(caught.value)


def test_a_process_has_one_context():
    assert gl.shared_context() is gl.shared_context()


def test_drawing_from_a_second_thread_is_refused():
    context = gl.shared_context()
    caught: list[Exception] = []

    def draw() -> None:
        try:
            context.make_current()
        except RenderingError as error:
            caught.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    assert "one thread" in str(caught[0])


def test_the_context_tells_who_draws():
    strings = gl.gl_strings()
    assert set(strings) == {"backend", "vendor", "renderer", "version"}
    assert all(strings.values())

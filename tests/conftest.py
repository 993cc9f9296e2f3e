"""Settings of the whole test session; set before anything that reads them is imported."""

import importlib.util
import os
import signal

# pytest-xdist already takes every core; a second thread in each process only makes them wait for one another.
for variable in ("OMP_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("MPLBACKEND", "Agg")

if importlib.util.find_spec("hypothesis"):  # a plain install, as the smoke test uses, has none
    from hypothesis import settings

    # A loaded machine is slow, not wrong.
    settings.register_profile("no-deadline", deadline=None)
    settings.load_profile("no-deadline")

# Below `nohup`, and in what a script puts into the background, these are ignored, and every process below inherits
# that; tests send them.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

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

    # A loaded machine is slow, not wrong; and a gate says the same of the same code each time. To look for what no
    # example has found yet: pytest --hypothesis-profile=explore.
    settings.register_profile("gate", deadline=None, derandomize=True)
    settings.register_profile("explore", deadline=None, derandomize=False, max_examples=1_000)
    settings.load_profile("gate")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background with Ctrl-C ignored, and every process below inherits that; tests
    # press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

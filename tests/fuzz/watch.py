"""What a fuzzed input must never bring about, and a count of what became of all of them."""

import faulthandler
import pickle
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import FdpBenchError

#: Audit events of Python that only happen when an input has run, or has reached out.
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pty.spawn"),
    *("pickle.find_class", "socket.connect", "socket.getaddrinfo", "urllib.Request", "ctypes.dlopen"),
)
#: File that payloads would write into the working folder.
CANARY = "fdp-bench-canary"
#: Texts that would write the canary if somebody evaluated, formatted, expanded or rendered them.
PAYLOADS = (
    f"__import__('pathlib').Path('{CANARY}').touch()",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`; touch {CANARY}",
    f"{{{{ cycler.__init__.__globals__.os.popen('touch {CANARY}').read() }}}}",
    f"!!python/object/apply:os.system ['touch {CANARY}']",
    "{0.__class__.__init__.__globals__}",
    "<script>document.title='taken'</script>",
    "../../../../tmp/" + CANARY,
    "/tmp/" + CANARY,
    "%n%s%x",
    "a\x00b",
    "\x1b[31m",
    "\ud800",
    "file:///etc/passwd",
)


class Bomb:
    """Unpickled, it writes the canary."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path(CANARY).touch, ())


PICKLE = pickle.dumps(Bomb())
#: Seconds after which an input ends the process, with a traceback; 0 for never. No input takes a thousandth of it.
hang_limit_s = 0.0


@dataclass
class Tally:
    """What became of a surface's inputs.

    Attributes:
        examples: How many were tried.
        refused: How many raised one of the project's own errors.
        tracebacks: Where another exception came up -> how often, and the first one's text.
        ran: Events that say that an input ran or reached out of its folder.
    """

    examples: int = 0
    refused: int = 0
    tracebacks: Counter[str] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)
    ran: Counter[str] = field(default_factory=Counter)

    def attempt(self, entry: Callable[[], Any], shown: object) -> None:
        """Give a public entry an input, and note what comes of it."""
        self.examples += 1
        if hang_limit_s:
            # It may hang where no signal's handler is run.
            faulthandler.dump_traceback_later(hang_limit_s, exit=True)
        _now.append(self)
        try:
            entry()
        except FdpBenchError as error:
            self.refused += 1
            if not str(error).strip():
                self._note("an error without a word", repr(shown)[:500])
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno} {frame.name}"
            self._note(place, f"{traceback.format_exc()[-3000:]}\ninput: {ascii(shown)[:1500]}")
        finally:
            _now.clear()
        if Path(CANARY).exists():
            Path(CANARY).unlink()
            self.ran["canary"] += 1

    def _note(self, place: str, text: str) -> None:
        self.tracebacks[place] += 1
        self.texts.setdefault(place, text)

    def to_json(self) -> dict[str, Any]:
        """Figures for people and for other scripts."""
        return {
            "examples": self.examples,
            "refused": self.refused,
            "tracebacks": self.tracebacks.total(),
            "code_run": self.ran.total(),
            "tracebacks_by_place": dict(self.tracebacks),
            "texts": self.texts,
            "events": dict(self.ran),
        }


_now: list[Tally] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _now:
        return
    if event in FORBIDDEN:
        _now[0].ran[f"{event} {str(arguments)[:100]}"] += 1
    elif event == "open" and isinstance(arguments[0], str) and isinstance(arguments[1], str):
        path, mode = arguments[0], arguments[1]
        if set(mode) & set("wax+") and not _is_ours(path):
            _now[0].ran[f"open {path[:100]} {mode}"] += 1


def _is_ours(path: str) -> bool:
    here = Path.cwd()
    return Path(path).resolve().is_relative_to(here) or "__pycache__" in path or path == "/dev/null"


def watch() -> None:
    """Listen to Python's audit events from now on; to be called once a process."""
    if not getattr(sys, "_fdp_bench_watched", False):
        sys.addaudithook(_hear)
        sys._fdp_bench_watched = True  # type: ignore[attr-defined]

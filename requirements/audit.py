"""Ask for known vulnerabilities of locked versions: `python requirements/audit.py LOCKFILE`.

Exit codes: 0 none known, 1 some, 3 nobody could be asked. Not to know is never taken for none.
"""

import subprocess
import sys

#: How pip-audit's output shows that its service could not be asked, or did not know a distribution. It exits with 1
#: then, as for findings, or with 0: where every answer is "not found" it says that no vulnerabilities are known.
UNREACHABLE = (
    "could not be audited",
    "ConnectionError",
    "ServiceError",
    "Connection refused",
    "Max retries",
    "timed out",
    "HTTPError",
)
#: What it says when it has an answer.
ANSWERED = ("No known vulnerabilities found", "Found ")


def main(arguments: list[str]) -> int:
    """Audit lock files; see the module's text for the exit codes."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--progress-spinner",
        "off",
        "--disable-pip",
        "--require-hashes",
    ]
    for lock in arguments:
        command += ["--requirement", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    said = done.stdout + done.stderr
    if not any(word in said for word in ANSWERED) or any(word in said for word in UNREACHABLE):
        print(
            f"not audited: the vulnerability service gave no answer (pip-audit exited with {done.returncode}); "
            "nothing is known about these versions. Run it where the service is reached.",
            file=sys.stderr,
        )
        return 3
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

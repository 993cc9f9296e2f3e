"""Ask for known vulnerabilities of locked versions: `python requirements/audit.py LOCKFILE`.

Exit codes: 0 none known, 1 some, 3 not all could be asked about. Not to know is never taken for none.
"""

import json
import subprocess
import sys
from typing import Any


def main(arguments: list[str]) -> int:
    """Audit lock files; see the module's text for the exit codes."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
    command += ["--disable-pip", "--require-hashes"]
    for lock in arguments:
        command += ["--requirement", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    packages = _packages(done.stdout)
    found = [(package, entry) for package in packages for entry in package.get("vulns") or ()]
    for package, entry in found:
        fixed = ", ".join(entry.get("fix_versions") or ()) or "no version yet"
        print(f"{package['name']} {package['version']}: {entry['id']}, fixed in {fixed}")
    unknown = [package for package in packages if "vulns" not in package]
    if unknown or not packages:
        # With a service that is not reached, pip-audit says that no vulnerability is known, and exits with 0.
        whom = f"{len(unknown)} of {len(packages)} packages" if packages else "any package"
        last = done.stderr.strip().splitlines()[-1:]
        why = f" (pip-audit: {last[0][:200]})" if last and not packages else ""
        print(
            f"not audited: the vulnerability service gave no answer about {whom}{why}; run this where it is reached",
            file=sys.stderr,
        )
        return 3
    print(f"{len(packages)} packages audited, vulnerabilities known: {len(found)}")
    return 1 if found else 0


def _packages(output: str) -> list[dict[str, Any]]:
    """What pip-audit says of each package: ``vulns``, or the reason why it could not ask."""
    try:
        return list(json.loads(output)["dependencies"])
    except (ValueError, KeyError, TypeError):
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

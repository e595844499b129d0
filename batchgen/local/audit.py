"""`python -m batchgen.local.audit`: known vulnerabilities of the pinned dependencies.

pip-audit takes a package that the index does not tell of for one without a fault; so where the
index cannot be reached, or is a mirror without vulnerabilities, this says that nothing was audited.
"""

import json
import subprocess
import sys
from typing import Any

from batchgen.local.local_dir import ROOT

_TIMEOUT_S = 180
_SKIPPED = "Not audited: the index of known vulnerabilities cannot be reached from here."


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """The exit code and the words for pip-audit's JSON report."""
    audited = [found for found in report["dependencies"] if "skip_reason" not in found]
    lines = [
        f"{found['name']} {found['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version yet'}"
        for found in audited
        for fault in found["vulns"]
    ]
    if lines:
        return 1, "\n".join(["Known vulnerabilities:", *lines])
    if not audited:
        return 0, _SKIPPED
    left = len(report["dependencies"]) - len(audited)
    return 0, f"{len(audited)} packages audited, {left} unknown to the index: no known fault."


def main() -> int:
    """1 where a package has a known vulnerability."""
    argv = [sys.executable, "-m", "pip_audit", "-r", str(ROOT / "requirements.txt")]
    argv += ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        code, text = verdict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        code, text = 0, _SKIPPED
    sys.stdout.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""``python -m fdp_bench`` is ``fdp-bench``."""

import sys

from fdp_bench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m fdp_bench`` is ``fdp-bench``."""

import sys

from fdp_bench.cli.main import distrust_working_folder, main

if __name__ == "__main__":
    distrust_working_folder()
    sys.exit(main())

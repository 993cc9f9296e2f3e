#!/usr/bin/env bash
# Renew the lock files: the newest versions that pyproject.toml allows, each with the hashes of all its files.
#
#     UV_FIND_LINKS=FOLDER requirements/renew.sh
#
# FOLDER holds PyTorch's CPU wheels; without it the lock for CPUs stays as it is. uv writes neither registry nor folder.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {
    uv pip compile pyproject.toml --upgrade --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file "$1" >/dev/null
}

if [ -n "${UV_FIND_LINKS:-}" ]; then lock requirements/lock-py311-cpu.txt; fi
UV_FIND_LINKS="" lock requirements/lock-py311.txt

"""The plugin's tests need the plugin installed, as `tox -e plugin` does; elsewhere they are left out."""

from importlib.metadata import PackageNotFoundError, distribution

try:
    distribution("fdp-bench-example-plugin")
except PackageNotFoundError:
    collect_ignore_glob = ["tests/*"]

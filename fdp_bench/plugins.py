"""Plugins: policies and shifts that installed distributions offer through entry points.

Names are listed without importing anything; a plugin is imported when it is asked for. The built-in policies
and shifts come the same way as anybody's.
"""

import functools
import importlib.metadata
import sys
from dataclasses import dataclass, field

from fdp_bench.api.errors import PluginError, SpecError, nearest
from fdp_bench.api.policy import Policy
from fdp_bench.api.shift import Shift
from fdp_bench.extras import install_command, missing, require_extra

POLICY_GROUP = "fdp_bench.policies"
SHIFT_GROUP = "fdp_bench.shifts"

_BASES: dict[str, type] = {POLICY_GROUP: Policy, SHIFT_GROUP: Shift}
_KINDS = {POLICY_GROUP: "policy", SHIFT_GROUP: "shift"}


@dataclass(frozen=True)
class Plugin:
    """One entry point, not yet imported.

    Attributes:
        name: Name in specs.
        group: `POLICY_GROUP` or `SHIFT_GROUP`.
        distribution: Name of the distribution that offers it.
        version: That distribution's version.
        target: Where it lives, ``module:Class``.
    """

    name: str
    group: str
    distribution: str
    version: str
    target: str
    _entry_point: importlib.metadata.EntryPoint = field(repr=False, compare=False)

    @property
    def kind(self) -> str:
        """``"policy"`` or ``"shift"``."""
        return _KINDS[self.group]

    def load(self) -> type:
        """Import the plugin's class.

        Raises:
            PluginError: If the import fails (the plugin's own error is its cause), if what it names is not a
                subclass of `Policy` or `Shift`, or if a shift calls itself by another name.
        """
        where = f"{self.kind} {self.name!r} of distribution {self.distribution!r} ({self.target})"
        try:
            loaded = self._entry_point.load()
        except Exception as error:
            raise PluginError(
                f"{where} cannot be loaded: {type(error).__name__}: {error}; "
                f"reinstall or uninstall {self.distribution!r}"
            ) from error
        base = _BASES[self.group]
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise PluginError(f"{where} is no subclass of fdp_bench.api.{base.__name__}: it is {loaded!r}")
        if issubclass(loaded, Shift) and loaded.name != self.name:
            raise PluginError(
                f"{where} calls itself {loaded.name!r}; `name` must equal its entry point's name"
            )
        return loaded

    def not_installed(self) -> str:
        """The command that installs the extra that it needs; empty where it needs none, or has it.

        Raises:
            PluginError: As `load`.
        """
        loaded = self.load()
        extra = loaded.extra if issubclass(loaded, Policy) else ""
        return (
            install_command(extra, self.distribution) if extra and missing(extra, self.distribution) else ""
        )

    def problem(self) -> str:
        """Why the plugin is broken, in one line; empty when it loads."""
        try:
            self.load()
        except PluginError as error:
            return str(error).replace("\n", " ")
        return ""


def policy_plugins() -> dict[str, Plugin]:
    """Installed policies by name, sorted, none of them imported.

    Raises:
        PluginError: If two entry points claim a name.
    """
    return _discover(POLICY_GROUP)


def shift_plugins() -> dict[str, Plugin]:
    """Installed shifts by name, sorted, none of them imported.

    Raises:
        PluginError: If two entry points claim a name.
    """
    return _discover(SHIFT_GROUP)


def load_policy(name: str) -> type[Policy]:
    """Import a policy's class.

    Raises:
        SpecError: If no installed policy has the name.
        PluginError: If it cannot be loaded.
        NotInstalledError: If an extra that it needs is not installed.
    """
    plugin = _find(name, POLICY_GROUP)
    kind: type[Policy] = plugin.load()
    require_extra(f"policy {name!r}", kind.extra, plugin.distribution)
    return kind


def load_shift(name: str) -> type[Shift]:
    """Import a shift's class.

    Raises:
        SpecError: If no installed shift has the name.
        PluginError: If it cannot be loaded.
    """
    return _find(name, SHIFT_GROUP).load()


def require_plugin(name: str, group: str) -> Plugin:
    """Look a plugin up without importing it.

    Raises:
        SpecError: If no installed plugin has the name.
    """
    return _find(name, group)


def _find(name: str, group: str) -> Plugin:
    plugins = _discover(group)
    if name not in plugins:
        raise SpecError(
            f"unknown {_KINDS[group]} {name!r}{nearest(name, plugins)} (`fdp-bench list` shows all)"
        )
    return plugins[name]


def _discover(group: str) -> dict[str, Plugin]:
    return dict(_discover_on(tuple(sys.path), group))


@functools.lru_cache(maxsize=8)
def _discover_on(path: tuple[str, ...], group: str) -> dict[str, Plugin]:
    # Reading the metadata of all distributions takes some 35 ms, and each name that is looked up needs them. What is
    # installed while a process runs, it need not see.
    del path
    found: dict[str, Plugin] = {}
    for entry_point in importlib.metadata.entry_points(group=group):
        distribution = entry_point.dist
        plugin = Plugin(
            name=entry_point.name,
            group=group,
            distribution=distribution.name if distribution else "(unknown)",
            version=distribution.version if distribution else "",
            target=entry_point.value,
            _entry_point=entry_point,
        )
        other = found.get(plugin.name)
        if other is not None:
            raise PluginError(
                f"{plugin.kind} {plugin.name!r} is claimed by two distributions, {other.distribution!r} "
                f"({other.target}) and {plugin.distribution!r} ({plugin.target}); uninstall one of them"
            )
        found[plugin.name] = plugin
    return dict(sorted(found.items()))

"""The rules of a policy."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fdp_bench.api import FdpBenchError, Policy, PolicySpec, SpecError, TaskInfo, WeightsInfo
from fdp_bench.runner.rollout.batched_policy import policy_keys
from fdp_bench.runner.rollout.environment import task_info
from fdp_bench.testing.error import ConformanceError
from fdp_bench.testing.play import Environment, Watch, global_seeds, play, same_observation

Batch = dict[str, npt.NDArray[np.generic]]
Noise = npt.NDArray[np.float32]


@dataclass
class PolicyCheck:
    """A policy under test; each rule is a method and raises `ConformanceError`.

    Attributes:
        kind: The policy's class.
        spec: What it is built with.
        env: An environment without shifts.
        rows: Rows of a batch, >= 2.
        seed: Seed of the observations and the noise.
    """

    kind: type[Policy]
    spec: PolicySpec
    env: Environment
    rows: int
    seed: int

    def run(self) -> None:
        """Check all rules."""
        if not (isinstance(self.kind, type) and issubclass(self.kind, Policy)):
            raise ConformanceError(f"{self.kind!r} is no subclass of fdp_bench.api.Policy")
        stated = getattr(self.env.spec, "id", "") or type(self.env.unwrapped).__name__
        task = task_info(self.env, stated)
        self.resolves_its_spec(task)
        self.describes_its_weights(task)
        policy = self.kind(self.kind.resolve(self.spec, task), task, device="cpu")
        self.declares_itself(policy, task)
        batch, noise = self._batch(policy, task), self._noise(policy)
        self.answers_in_form(policy, task, batch, noise)
        self.is_determined_by_its_noise(policy, batch, noise)
        self.uses_its_noise(policy, batch, noise)
        self.keeps_rows_apart(policy, batch, noise)

    def resolves_its_spec(self, task: TaskInfo) -> None:
        """A resolved spec stays as it is; an unknown option is refused in one line."""
        resolved = self.kind.resolve(self.spec, task)
        self._demand(
            isinstance(resolved, PolicySpec) and self.kind.resolve(resolved, task) == resolved,
            f"resolves {str(self.spec)!r} to {resolved!r}, which it resolves to something else again",
        )
        wrong = replace(resolved, options={**resolved.options, "no_such_option": "1"})
        try:
            self.kind(self.kind.resolve(wrong, task), task, device="cpu")
        except SpecError as error:
            self._demand("\n" not in str(error), "explains an unknown option in several lines")
        else:
            self._demand(
                False,
                "accepts the option no_such_option=1: set the class attribute `option_values`, {} for none",
            )

    def describes_its_weights(self, task: TaskInfo) -> None:
        """`weights` and `orders` answer what `fdp-bench list` asks."""
        weights = self.kind.weights(self.kind.resolve(self.spec, task), task)
        self._demand(
            isinstance(weights, WeightsInfo), f"describes its weights as {weights!r}, no WeightsInfo"
        )
        for order in self.kind.orders(task):
            try:
                self.kind.resolve(PolicySpec(self.spec.name, order), task)
            except FdpBenchError as error:
                self._demand(False, f"lists the order {order!r} and refuses it: {error}")

    def declares_itself(self, policy: Policy, task: TaskInfo) -> None:
        """Modalities, numbers of steps, units and the noise's shape are stated and make sense."""
        modalities = getattr(policy, "modalities", None)
        self._demand(
            isinstance(modalities, tuple) and bool(modalities) and {*modalities} <= {*task.modalities},
            f"states modalities {modalities!r}: a tuple of some of {sorted(task.modalities)} is needed",
        )
        for name in ("n_obs_steps", "n_action_steps"):
            value = getattr(policy, name)
            self._demand(
                isinstance(value, int) and value >= 1, f"states {name} = {value!r}: a whole number >= 1"
            )
        self._demand(
            policy.action_units in ("unit", "environment"),
            f'states action_units = {policy.action_units!r}: "unit" or "environment"',
        )
        shape = policy.noise_shape
        self._demand(
            isinstance(shape, tuple) and all(isinstance(size, int) and size >= 1 for size in shape),
            f"states noise_shape = {shape!r}: a tuple of whole numbers >= 1, () for none",
        )

    def answers_in_form(self, policy: Policy, task: TaskInfo, batch: Batch, noise: Noise) -> None:
        """Actions are float32 of shape (B, n_action_steps, A), finite, in [-1, 1] unless they have other units."""
        actions = self._act(policy, batch, noise)
        self._demand(isinstance(actions, np.ndarray), f"returns {type(actions).__name__}, no NumPy array")
        shape = (self.rows, policy.n_action_steps, task.action_dim)
        self._demand(actions.shape == shape, f"returns actions of shape {actions.shape}, not {shape}")
        self._demand(actions.dtype == np.float32, f"returns actions of {actions.dtype}, not float32")
        self._demand(bool(np.isfinite(actions).all()), "returns actions that are not finite")
        peak = float(np.abs(actions).max())
        self._demand(
            peak <= 1.0 or policy.action_units == "environment",
            f"returns actions up to {peak:.3g}, outside [-1, 1]: clip them, or, if they are in the environment's "
            'own units, state action_units = "environment"',
        )

    def is_determined_by_its_noise(self, policy: Policy, batch: Batch, noise: Noise) -> None:
        """Equal observations and noise give equal actions, whatever the global generators hold."""
        actions = self._act(policy, batch, noise)
        with global_seeds(self.seed + 1):
            repeated = self._act(policy, batch, noise)
        self._demand(
            np.array_equal(actions, repeated),
            "answers equal observations and noise with other actions: take all randomness from `noise`, and "
            "forget in `reset` what belongs to an episode",
        )

    def uses_its_noise(self, policy: Policy, batch: Batch, noise: Noise) -> None:
        """A policy that asks for noise depends on it."""
        if policy.noise_shape:
            self._demand(
                not np.array_equal(self._act(policy, batch, noise), self._act(policy, batch, -noise)),
                f"asks for noise of shape {policy.noise_shape} and ignores it: leave noise_shape at ()",
            )

    def keeps_rows_apart(self, policy: Policy, batch: Batch, noise: Noise) -> None:
        """A row's actions are the same, bit for bit, whoever else is in the batch."""
        actions = self._act(policy, batch, noise)
        for row in range(self.rows):
            alone = {key: np.repeat(value[row : row + 1], self.rows, axis=0) for key, value in batch.items()}
            alone_noise = np.zeros_like(noise)
            alone_noise[row] = noise[row]
            self._demand(
                np.array_equal(self._act(policy, alone, alone_noise)[row], actions[row]),
                f"answers row {row} differently when it is alone in the batch: rows are episodes that must not "
                "know of each other",
            )

    def _act(self, policy: Policy, batch: Batch, noise: Noise) -> npt.NDArray[np.float32]:
        given, given_noise = {key: value.copy() for key, value in batch.items()}, noise.copy()
        policy.reset(np.arange(self.rows))
        try:
            actions = policy.act(given, given_noise)
        except KeyError as error:
            self._demand(False, f"reads key {error}, which is none of its modalities {policy.modalities!r}")
            raise
        self._demand(
            same_observation(given, batch) and np.array_equal(given_noise, noise),
            "edits the observation or the noise in place: copy first",
        )
        return actions

    def _batch(self, policy: Policy, task: TaskInfo) -> Batch:
        """Observations of one short episode, each row a window of it."""
        watch = Watch(self.env)
        shown = play(watch, watch, seed=self.seed, steps=self.rows + policy.n_obs_steps).observations
        return {
            key: np.stack(
                [[frame[key] for frame in shown[row : row + policy.n_obs_steps]] for row in range(self.rows)]
            )
            for key in policy_keys(policy, task)
        }

    def _noise(self, policy: Policy) -> Noise:
        generator = np.random.default_rng(self.seed)
        return generator.standard_normal((self.rows, *policy.noise_shape), dtype=np.float32)

    def _demand(self, kept: bool, breach: str) -> None:
        if not kept:
            raise ConformanceError(f"policy {str(self.spec)!r} {breach}")

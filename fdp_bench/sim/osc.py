"""robosuite's OSC_POSE and gripper law, compiled, with MuJoCo's physics steps between.

The law is operational space control (Khatib, "A unified approach for motion and force control of robot
manipulators", 1987) as robosuite 1.5.2 computes it with position and orientation uncoupled
(``controllers/parts/arm/osc.py``, ``utils/control_utils.py``): the same quantities from the same fields of
MuJoCo's data. The inverses of matrices that are symmetric and positive definite are solved by Cholesky's
factorization instead of formed, so torques differ in their last digits.

All that is compiled stands in this one file: numba's cache on disk knows a change by the file it is in.
"""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import llvmlite.binding
import mujoco
import numpy as np
import numpy.typing as npt
from numba import njit, types
from robosuite.utils.transform_utils import quat2mat

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Gain of the torques that hold the arm's posture without moving the hand; robosuite's default, 1/s^2.
POSTURE_GAIN = 10.0
#: A pivot below this share of the largest diagonal element means a matrix is singular to working precision.
SINGULAR_PIVOT = 1e-13
#: Singular values below this share of the largest count as zero, as in `numpy.linalg.pinv` by default.
PINV_CUTOFF = 1e-15
#: Rounds of rotations after which eigenvectors are taken as they are; about eight are enough.
MAX_SWEEPS = 20

# The two halves of a physics step, from the library that mujoco's bindings have loaded; the address is looked
# up by name when compiled code is loaded, so it can be cached.
_LIBRARY = ctypes.CDLL(mujoco._functions.__file__)
for _name in ("mj_step1", "mj_step2"):
    _address = ctypes.cast(getattr(_LIBRARY, _name), ctypes.c_void_p).value
    llvmlite.binding.add_symbol(_name, _address)
_mj_step1: Any = types.ExternalFunction("mj_step1", types.void(types.intp, types.intp))
_mj_step2: Any = types.ExternalFunction("mj_step2", types.void(types.intp, types.intp))

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """Compile on the first call; it has no copy on disk of its own, being part of whatever calls it."""
    compiled: Any = njit(nogil=True, error_model="numpy")(function)
    return cast("_Function", compiled)


def _compiled_once(function: _Function) -> _Function:
    """Compile on the first call on a machine, some 4 s, and keep the code beside this file or in numba's cache."""
    compiled: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast("_Function", compiled)


class Arm(NamedTuple):
    """What stays as it is as long as a model: where things are in MuJoCo's arrays, gains and limits.

    Attributes:
        qpos: Indices of the N joint positions.
        dofs: Indices of the N joint velocities.
        actuators: Indices of the N joint torques.
        mass: Index in ``qM`` of each element of the arm's mass matrix, shape (N, N).
        site: Id of the controlled site.
        root: Id of the root body of the site's tree.
        origin: Id of the site whose frame actions are given in; it never moves.
        stiffness: Gains of position and orientation errors, shape (6,), 1/s^2.
        damping: Gains of velocity errors, shape (6,), 1/s.
        torque_low: Lower limits of the torques, shape (N,), N m.
        torque_high: Upper limits, shape (N,).
        gripper_actuators: Indices of the gripper's K actuators.
        scaling: How the arm's action is scaled, see `scale`, shape (5, 6).
        gripper_scaling: How the gripper's is, shape (5, K).
        gripper_signal: Middle and half width of the gripper's range, lower and upper limit, shape (4, K).
    """

    qpos: Indices
    dofs: Indices
    actuators: Indices
    mass: Indices
    site: int
    root: int
    origin: int
    stiffness: Vector
    damping: Vector
    torque_low: Vector
    torque_high: Vector
    gripper_actuators: Indices
    scaling: Matrix
    gripper_scaling: Matrix
    gripper_signal: Matrix


class Simulation(NamedTuple):
    """Addresses of a model and its data, and views of the data's fields; see MuJoCo's documentation of mjData."""

    model_address: int
    data_address: int
    qpos: Vector
    qvel: Vector
    ctrl: Vector
    site_xpos: Matrix
    site_xmat: Matrix
    subtree_com: Matrix
    cdof: Matrix
    qM: Vector  # noqa: N815 (MuJoCo's name)
    qfrc_bias: Vector


class ArmState(NamedTuple):
    """What the law reads, as of the last physics step at which it was read; written in place.

    Attributes:
        position: Site in the world, shape (3,), m.
        rotation: Site to world, shape (3, 3).
        twist: Site's velocity (m/s), then angular velocity (rad/s), shape (6,).
        jacobian: Of position, then rotation, by joint, shape (6, N).
        mass_matrix: Shape (N, N).
        joint_position: Shape (N,), rad.
        joint_velocity: Shape (N,), rad/s.
    """

    position: Vector
    rotation: Matrix
    twist: Vector
    jacobian: Matrix
    mass_matrix: Matrix
    joint_position: Vector
    joint_velocity: Vector


class Command(NamedTuple):
    """What one action asks for.

    Attributes:
        action: The arm's part, shape (6,).
        gripper_action: The gripper's part as robosuite formats it, shape (K,).
        posture: Joint positions to stay near where the hand leaves a choice, shape (N,), rad.
        delta: Displacement of the site (m) and its rotation vector (rad) in the origin's frame, shape (6,); like
            all below, written by `control_step`.
        gripper_goal: The scaled gripper action, shape (K,).
        goal_position: Where the site shall be, origin's frame, shape (3,), m.
        goal_rotation: How the site shall be turned, origin's frame, shape (3, 3).
        wanted: Acceleration of the hand that the errors ask for, shape (6,).
        posture_pull: Acceleration of the joints towards `posture`, shape (N,).
        torques: The last torques, before the limits, shape (N,), N m.
    """

    action: Vector
    gripper_action: Vector
    posture: Vector
    delta: Vector
    gripper_goal: Vector
    goal_position: Vector
    goal_rotation: Matrix
    wanted: Vector
    posture_pull: Vector
    torques: Vector


@_compiled_once
def control_step(
    simulation: Simulation, arm: Arm, state: ArmState, command: Command, is_stale: bool, n_substeps: int
) -> None:
    """Take one control step: physics steps with the law in the middle of each.

    Args:
        simulation: What is stepped.
        arm: What is controlled.
        state: What the law sees.
        command: The action; its goal is fixed at the first physics step.
        is_stale: Whether the first physics step goes by `state` as it is handed over.
        n_substeps: Physics steps.
    """
    origin = simulation.site_xpos[arm.origin]
    to_world = simulation.site_xmat[arm.origin]
    scale(command.action, arm.scaling, command.delta)
    scale(command.gripper_action, arm.gripper_scaling, command.gripper_goal)
    for substep in range(n_substeps):
        _mj_step1(simulation.model_address, simulation.data_address)
        if substep > 0 or not is_stale:
            read_state(simulation, arm, state)
        if substep == 0:
            set_goal(origin, to_world, state, command)
        want(origin, to_world, arm.stiffness, arm.damping, state, command)
        compute_torques(
            state.jacobian, state.mass_matrix, command.wanted, command.posture_pull, command.torques
        )
        for joint in range(len(arm.dofs)):
            command.torques[joint] += simulation.qfrc_bias[arm.dofs[joint]]
            torque = min(max(command.torques[joint], arm.torque_low[joint]), arm.torque_high[joint])
            simulation.ctrl[arm.actuators[joint]] = torque
        for finger in range(len(arm.gripper_actuators)):
            middle, width = arm.gripper_signal[0, finger], arm.gripper_signal[1, finger]
            signal = middle + width * command.gripper_goal[finger]
            signal = min(max(signal, arm.gripper_signal[2, finger]), arm.gripper_signal[3, finger])
            simulation.ctrl[arm.gripper_actuators[finger]] = signal
        _mj_step2(simulation.model_address, simulation.data_address)


@_compiled
def scale(action: Vector, scaling: Matrix, scaled: Vector) -> None:
    """Bring an action from the controller's input range to its output range.

    Args:
        action: Shape (K,).
        scaling: Lower and upper limit of the input, factor, middle of the input, middle of the output, shape (5, K).
        scaled: Shape (K,); written.
    """
    for index in range(len(action)):
        clipped = min(max(action[index], scaling[0, index]), scaling[1, index])
        scaled[index] = (clipped - scaling[3, index]) * scaling[2, index] + scaling[4, index]


@_compiled
def turn(vector: Vector) -> Matrix:
    """Rotation matrix of the rotation vector that stands in the last three of six elements.

    Robosuite computes it in single precision: only its own code gives the same goal.
    """
    angle = np.sqrt(vector[3] ** 2 + vector[4] ** 2 + vector[5] ** 2)
    quaternion = np.zeros(4)
    quaternion[3] = np.cos(angle / 2.0)
    if angle > 0.0:
        for axis in range(3):
            quaternion[axis] = vector[3 + axis] / angle * np.sin(angle / 2.0)
    rotation: Matrix = quat2mat(quaternion)
    return rotation


@_compiled
def read_state(simulation: Simulation, arm: Arm, state: ArmState) -> None:
    """Read what the law needs from MuJoCo's data, after ``mj_step1``."""
    for axis in range(3):
        state.position[axis] = simulation.site_xpos[arm.site, axis]
        for column in range(3):
            state.rotation[axis, column] = simulation.site_xmat[arm.site, axis, column]
    # As mj_jacSite: MuJoCo's motion axes are about the centre of mass of the whole tree.
    x = state.position[0] - simulation.subtree_com[arm.root, 0]
    y = state.position[1] - simulation.subtree_com[arm.root, 1]
    z = state.position[2] - simulation.subtree_com[arm.root, 2]
    for row in range(6):
        state.twist[row] = 0.0
    for joint in range(len(arm.dofs)):
        dof = arm.dofs[joint]
        turn_x, turn_y, turn_z = simulation.cdof[dof, 0], simulation.cdof[dof, 1], simulation.cdof[dof, 2]
        state.jacobian[0, joint] = simulation.cdof[dof, 3] + (turn_y * z - turn_z * y)
        state.jacobian[1, joint] = simulation.cdof[dof, 4] + (turn_z * x - turn_x * z)
        state.jacobian[2, joint] = simulation.cdof[dof, 5] + (turn_x * y - turn_y * x)
        state.jacobian[3, joint] = turn_x
        state.jacobian[4, joint] = turn_y
        state.jacobian[5, joint] = turn_z
        state.joint_position[joint] = simulation.qpos[arm.qpos[joint]]
        state.joint_velocity[joint] = simulation.qvel[dof]
        for row in range(6):
            state.twist[row] += state.jacobian[row, joint] * state.joint_velocity[joint]
        for other in range(len(arm.dofs)):
            state.mass_matrix[joint, other] = simulation.qM[arm.mass[joint, other]]


@_compiled
def set_goal(origin: Vector, to_world: Matrix, state: ArmState, command: Command) -> None:
    """Fix the goal: from where the site is now, by the command, in the origin's frame."""
    rotation = turn(command.delta)
    for row in range(3):
        command.goal_position[row] = command.delta[row]
        for index in range(3):
            command.goal_position[row] += to_world[index, row] * (state.position[index] - origin[index])
        for column in range(3):
            command.goal_rotation[row, column] = 0.0
            for index in range(3):
                seen = 0.0
                for inner in range(3):
                    seen += to_world[inner, index] * state.rotation[inner, column]
                command.goal_rotation[row, column] += rotation[row, index] * seen


@_compiled
def want(
    origin: Vector, to_world: Matrix, stiffness: Vector, damping: Vector, state: ArmState, command: Command
) -> None:
    """What to accelerate to: the hand towards the goal, the joints towards their posture, both damped."""
    wanted = command.wanted
    for axis in range(3):
        wanted[axis] = origin[axis] - state.position[axis]
        wanted[3 + axis] = 0.0
        for index in range(3):
            wanted[axis] += to_world[axis, index] * command.goal_position[index]
    # Half the sum of the cross products of the axes as they are and as they shall be.
    for axis in range(3):
        goal_x = goal_y = goal_z = 0.0
        for index in range(3):
            goal_x += to_world[0, index] * command.goal_rotation[index, axis]
            goal_y += to_world[1, index] * command.goal_rotation[index, axis]
            goal_z += to_world[2, index] * command.goal_rotation[index, axis]
        x, y, z = state.rotation[0, axis], state.rotation[1, axis], state.rotation[2, axis]
        wanted[3] += 0.5 * (y * goal_z - z * goal_y)
        wanted[4] += 0.5 * (z * goal_x - x * goal_z)
        wanted[5] += 0.5 * (x * goal_y - y * goal_x)
    for row in range(6):
        wanted[row] = wanted[row] * stiffness[row] - state.twist[row] * damping[row]
    posture_damping = 2.0 * np.sqrt(POSTURE_GAIN)
    for joint in range(len(command.posture)):
        error = command.posture[joint] - state.joint_position[joint]
        command.posture_pull[joint] = POSTURE_GAIN * error - posture_damping * state.joint_velocity[joint]


@_compiled
def compute_torques(
    jacobian: Matrix, mass_matrix: Matrix, wanted: Vector, posture_pull: Vector, torques: Vector
) -> None:
    """The law: torques that move the hand as wanted, and the posture where that leaves the hand alone.

    With Jacobian J, mass matrix M and the hand's inertia L = (J M^-1 J^T)^-1 they are
    J^T (L_position a_position, L_orientation a_orientation) + (I - J^T L J M^-1) M p,
    the Ls with a subscript being the inverses of the two 3x3 blocks.

    Args:
        jacobian: J, shape (6, N).
        mass_matrix: M, shape (N, N).
        wanted: The hand's acceleration a, shape (6,).
        posture_pull: The joints' acceleration p, shape (N,).
        torques: Shape (N,); written.
    """
    n_joints = len(torques)
    factor = np.empty((n_joints, n_joints))
    cholesky(mass_matrix, factor)
    # W = J F^-T with M = F F^T, so W W^T = J M^-1 J^T.
    whitened = np.empty((6, n_joints))
    inverse_inertia = np.empty((6, 6))
    moved_by_posture = np.empty(6)
    for row in range(6):
        moved_by_posture[row] = 0.0
        for joint in range(n_joints):
            total = jacobian[row, joint]
            moved_by_posture[row] += total * posture_pull[joint]
            for other in range(joint):
                total -= factor[joint, other] * whitened[row, other]
            whitened[row, joint] = total / factor[joint, joint]
        for column in range(row + 1):
            total = 0.0
            for joint in range(n_joints):
                total += whitened[row, joint] * whitened[column, joint]
            inverse_inertia[row, column] = inverse_inertia[column, row] = total
    wrench = np.empty(6)
    block, block_wanted, block_wrench = np.empty((3, 3)), np.empty(3), np.empty(3)
    for first in range(0, 6, 3):
        for row in range(3):
            block_wanted[row] = wanted[first + row]
            for column in range(3):
                block[row, column] = inverse_inertia[first + row, first + column]
        solve(block, block_wanted, block_wrench)
        for row in range(3):
            wrench[first + row] = block_wrench[row]
    undone = np.empty(6)
    solve(inverse_inertia, moved_by_posture, undone)
    for joint in range(n_joints):
        torques[joint] = 0.0
        for other in range(n_joints):
            torques[joint] += mass_matrix[joint, other] * posture_pull[other]
        for row in range(6):
            torques[joint] += jacobian[row, joint] * (wrench[row] - undone[row])


@_compiled
def solve(matrix: Matrix, right: Vector, solution: Vector) -> None:
    """Solve A x = b for a symmetric, positive semi-definite A; by least squares where A is singular.

    Args:
        matrix: A, shape (K, K).
        right: b, shape (K,).
        solution: x, shape (K,); written.
    """
    size = len(right)
    factor = np.empty((size, size))
    if not cholesky(matrix, factor):
        solve_singular(matrix, right, solution)
        return
    for row in range(size):
        total = right[row]
        for column in range(row):
            total -= factor[row, column] * solution[column]
        solution[row] = total / factor[row, row]
    for row in range(size - 1, -1, -1):
        total = solution[row]
        for column in range(row + 1, size):
            total -= factor[column, row] * solution[column]
        solution[row] = total / factor[row, row]


@_compiled
def cholesky(matrix: Matrix, factor: Matrix) -> bool:
    """Factorize a symmetric A = F F^T, F lower triangular.

    Args:
        matrix: A, shape (K, K).
        factor: F, shape (K, K); its lower triangle is written.

    Returns:
        False if A is singular to working precision; then `factor` is of no use.
    """
    largest = 0.0
    for row in range(len(matrix)):
        largest = max(largest, matrix[row, row])
    for row in range(len(matrix)):
        for column in range(row + 1):
            total = matrix[row, column]
            for index in range(column):
                total -= factor[row, index] * factor[column, index]
            if column < row:
                factor[row, column] = total / factor[column, column]
            elif total > SINGULAR_PIVOT * largest:
                factor[row, row] = np.sqrt(total)
            else:
                return False
    return True


@_compiled
def solve_singular(matrix: Matrix, right: Vector, solution: Vector) -> None:
    """As `solve`, by eigenvectors: they cost more, and need no positive pivots.

    The eigenvectors are found by Jacobi's rotations (Golub and Van Loan, Matrix Computations, 8.5).
    """
    size = len(right)
    rest, vectors = np.empty((size, size)), np.empty((size, size))
    for row in range(size):
        for column in range(size):
            rest[row, column] = matrix[row, column]
            vectors[row, column] = 1.0 if row == column else 0.0
    for _sweep in range(MAX_SWEEPS):
        off_diagonal = 0.0
        for row in range(size):
            for column in range(row + 1, size):
                off_diagonal += abs(rest[row, column])
                _rotate(rest, vectors, row, column)
        if off_diagonal == 0.0:
            break
    largest = 0.0
    for index in range(size):
        largest = max(largest, abs(rest[index, index]))
        solution[index] = 0.0
    for index in range(size):
        if abs(rest[index, index]) > PINV_CUTOFF * largest:
            share = 0.0
            for row in range(size):
                share += vectors[row, index] * right[row]
            for row in range(size):
                solution[row] += share / rest[index, index] * vectors[row, index]


@_compiled
def _rotate(matrix: Matrix, vectors: Matrix, left: int, right: int) -> None:
    """Turn two axes so that the element between them vanishes."""
    between = matrix[left, right]
    if between == 0.0:
        return
    theta = (matrix[right, right] - matrix[left, left]) / (2.0 * between)
    tangent = (1.0 if theta >= 0.0 else -1.0) / (abs(theta) + np.sqrt(1.0 + theta * theta))
    cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    for row in range(len(matrix)):
        at_left, at_right = matrix[row, left], matrix[row, right]
        matrix[row, left] = cosine * at_left - sine * at_right
        matrix[row, right] = sine * at_left + cosine * at_right
        at_left, at_right = vectors[row, left], vectors[row, right]
        vectors[row, left] = cosine * at_left - sine * at_right
        vectors[row, right] = sine * at_left + cosine * at_right
    for column in range(len(matrix)):
        at_left, at_right = matrix[left, column], matrix[right, column]
        matrix[left, column] = cosine * at_left - sine * at_right
        matrix[right, column] = sine * at_left + cosine * at_right
    matrix[left, right] = matrix[right, left] = 0.0

"""Sampling an action chunk fast: the same arithmetic as the plain modules, arranged for few, large operations.

The plain modules (`fdp_policies.networks`) say what is computed, train, and are the oracle of this package's tests. At
one to eight rows a chunk costs them mostly the starting of several thousand small operations. Here, once a network is
loaded:

- An FDP's base and residual are two *streams*: no block of one waits for the block of the other at the same depth,
  only the Z layer behind both does. Their weights are stacked, and each operation serves both (`linear`, `block`).
  A single network is the case of one stream; experts are as many streams, and none waits for any other.
- The diffusion steps that a sampler visits are fixed, so their embeddings are constants, and the adaptive layer norms'
  shifts, scales and gates of all steps and blocks come from one matrix product up front (`trunk`).
- What can be folded into weights is: the attention's and the GELU's factors, the first Z layer and the positions into
  the embedding, the normalization of pictures into the first convolution (`vision`).
- Frames are read in the order in which they lie in memory, and one convolution serves all streams that see a camera.
- On a GPU the whole of it is replayed as one CUDA graph (`graphs`).

Every row is computed by itself: no operation mixes rows or looks at another row's values. Its last bits can still
depend on how many rows there are, since matrix products round by shape; the runner therefore always asks with a
constant number.
Nothing is remembered between calls but weights and, on a GPU, captured graphs with their input buffers.
"""

from fdp_policies.fast.program import ChunkProgram as ChunkProgram
from fdp_policies.fast.program import EncodedProgram as EncodedProgram
from fdp_policies.fast.program import Program as Program
from fdp_policies.fast.program import can_encode as can_encode
from fdp_policies.fast.program import can_stack as can_stack

"""Factorized Diffusion Policies and their rivals: networks, samplers, training and bundled weights.

Importing this package imports none of its modules; the entry points name a module for each policy. It only asks Intel
MKL, which multiplies PyTorch's matrices on most x86-64 processors, for products whose rows do not depend on their place
in the batch. By default some do: 256-bit vectors cut 8 or 32 rows into tiles that sum in different orders.
"""

import os

# MKL reads it once, at its first call in a process. A mode that the user has chosen stays.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

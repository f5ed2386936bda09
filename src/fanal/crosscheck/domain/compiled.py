"""Numba settings of the rule's loops: Python calls `outer` functions, only loops call `inner` ones.

All release the interpreter lock. Inner functions allocate no arrays, so numba keeps no reference counts on
their arguments, which took two thirds of the time. They are inlined: a call would pass seven numbers for
each array of each tuple.
"""

from numba import njit

outer = njit(nogil=True, cache=True)
inner = njit(nogil=True, cache=True, forceinline=True, _nrt=False)

"""How the loops of the rule are compiled: `outer` is called from Python, `inner` from other loops alone.

All let go of the interpreter. Inner ones make no arrays, so numba counts no references to those they
are given, which was two thirds of the whole; and they are put in place where they are called: a call would
hand over each array of each tuple, seven numbers an array.
"""

from numba import njit

outer = njit(nogil=True, cache=True)
inner = njit(nogil=True, cache=True, forceinline=True, _nrt=False)

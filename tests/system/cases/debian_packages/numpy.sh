# timeout 900
#include packages.inc
get python3-numpy
python3 --version
python3 - <<'P'
import numpy as np
print(np.__version__)
a = np.arange(12.0).reshape(3, 4)
print(a @ a.T)
m = np.random.default_rng(7).integers(-9, 9, (120, 120)).astype(float)
print((m @ m).sum(), (m @ m).shape, np.abs(np.linalg.solve(m, m @ np.ones(120)) - 1).max() < 1e-6)
np.save("m.npy", m); print((np.load("m.npy", mmap_mode="r") == m).all(), np.sort(m, axis=None)[:3], np.fft.fft(np.ones(8))[0])
P

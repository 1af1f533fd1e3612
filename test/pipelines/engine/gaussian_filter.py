"""SciPy's Gaussian blur of pictures given on standard input as {"shape", "values", "sigma"}: values on standard output."""
import json
import sys

import numpy as np
from scipy.ndimage import gaussian_filter

given = json.load(sys.stdin)
x = np.array(given["values"], dtype=np.float64).reshape(given["shape"])
json.dump(gaussian_filter(x, sigma=(0, given["sigma"], given["sigma"], 0)).ravel().tolist(), sys.stdout)

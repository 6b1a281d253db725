"""What people meet: the command line, the server, the web page. The only part that prints."""

import os

# PyTorch's threads wait by spinning. Where another program uses one of the cores, every small operation then takes a
# scheduler's time slice: attention over 300 keys 3.7 ms instead of 0.04 ms. Must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

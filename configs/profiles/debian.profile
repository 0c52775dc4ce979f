# The same kernel modules; what differs is the root.
include minimal

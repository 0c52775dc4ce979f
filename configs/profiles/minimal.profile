# What the kernel loads before init, in this order. The rest of /lib/modules loads on demand, by
# modalias or by modprobe. `module NAME [PARAMETERS]`; `include PROFILE` takes another's list.
module vt
module fbcon
module linux
module devfs
module mem
module procfs
module sysfs
module serial
module pty
module acpi
module pci
module ps2

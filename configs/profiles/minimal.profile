# What the kernel loads before init, in this order. The rest of /lib/modules loads on demand.
# `module NAME [PARAMETERS]`; `include PROFILE` takes another profile's list.
module linux
module devfs
module procfs
module sysfs
module tty
module serial
module pty
module acpi
module pci

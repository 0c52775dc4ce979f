// The consoles' ABI: ioctl numbers and structures arrive raw, as those of terminals do.
#pragma once

#include <linux/kd.h>
#include <linux/tiocl.h>
#include <linux/vt.h>

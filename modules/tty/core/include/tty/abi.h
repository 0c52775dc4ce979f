// The terminal ABI: flags, control characters, ioctl numbers.
#pragma once

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>

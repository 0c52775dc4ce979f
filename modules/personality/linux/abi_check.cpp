#include "personality/linux/abi.h"

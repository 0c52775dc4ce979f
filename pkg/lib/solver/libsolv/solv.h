// libsolv's headers. They call a member `requires`, which C++20 took for itself; with this macro
// the members have other names.
#pragma once

#define LIBSOLV_SOLVABLE_PREPEND_DEP
#include <solv/pool.h>
#include <solv/problems.h>
#include <solv/repo.h>
#include <solv/rules.h>
#include <solv/solvable.h>
#include <solv/solver.h>

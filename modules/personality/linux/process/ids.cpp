// getpid and its relatives.
#include <tenon/process/process.h>

#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

Result<i64> sys_getpid() {
    return process::current_process().pid;
}

}  // namespace tenon::personality

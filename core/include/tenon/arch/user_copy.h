// Raw access to user memory, guarded by the exception fix-up table. Prefer <tenon/mm/user_copy.h>.
//
// Each returns the number of bytes NOT copied: 0 is success. A fault that the address space can
// resolve (demand paging, copy on write) is resolved on the way unless faults are disabled for the
// task. May sleep, then.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {

TENON_API usize copy_from_user_raw(void* to, u64 from, usize length_bytes);
TENON_API usize copy_to_user_raw(u64 to, const void* from, usize length_bytes);
TENON_API usize clear_user_raw(u64 to, usize length_bytes);
// Copies up to `limit` bytes, stopping after a NUL. Returns the string length without NUL, `limit`
// if none was found, or -1 on a fault.
TENON_API isize copy_string_from_user_raw(char* to, u64 from, usize limit);
// One load or store of 1, 2, 4 or 8 bytes, zero-extended; false on a fault.
TENON_API bool user_load(u64 address, u64& value, usize size_bytes);
TENON_API bool user_store(u64 address, u64 value, usize size_bytes);
// Atomic 32-bit operations on aligned user words for futexes and robust lists; false on fault.
TENON_API bool user_load32(u64 address, u32& value);
TENON_API bool user_cmpxchg32(u64 address, u32& expected, u32 desired);
enum class UserAtomicOp : u8 { set, add, or_, andn, xor_ };
TENON_API bool user_atomic32(UserAtomicOp op, u64 address, u32 operand, u32& old);

}  // namespace tenon::arch

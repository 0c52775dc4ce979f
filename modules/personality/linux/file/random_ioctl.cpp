// The random device's requests. The generator never lacks entropy, and nothing is ever credited:
// what a program gives is stirred in. Spec: man 4 random.
#include "personality/linux/file/random_ioctl.h"

#include <tenon/lib/random.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/credentials.h>

#include <algorithm>

#include "personality/linux/abi.h"

namespace tenon::personality {

namespace {

constexpr i32 kFullBits = 256;  // as /proc/sys/kernel/random/entropy_avail

Result<void> mix_from(u64 from, u64 size) {
    u8 block[256];
    for (u64 done = 0, n; done < size; done += n) {
        n = std::min<u64>(sizeof(block), size - done);
        TRY(mm::copy_from_user(block, UserAddr{from + done}, n));
        random::mix({block, n});
    }
    return {};
}

}  // namespace

bool is_random_device(vfs::DeviceNumber number) {
    return number.major == 1 && (number.minor == 8 || number.minor == 9);
}

Result<i64> random_ioctl(u32 cmd, u64 arg) {
    if (cmd == RNDGETENTCNT) {
        TRY(mm::UserOut<i32>(arg).write(kFullBits));
        return 0;
    }
    const bool adds = cmd == RNDADDTOENTCNT || cmd == RNDADDENTROPY;
    if (!adds && cmd != RNDZAPENTCNT && cmd != RNDCLEARPOOL && cmd != RNDRESEEDCRNG)
        return Err(Error::inval);
    if (!process::capable(process::Capability::sys_admin)) return Err(Error::perm);
    if (!adds) return 0;
    TRY_ASSIGN(const i32 bits, mm::UserIn<i32>(arg).read());
    if (bits < 0) return Err(Error::inval);
    if (cmd == RNDADDTOENTCNT) return 0;
    TRY_ASSIGN(const i32 size, mm::UserIn<i32>(arg + sizeof(i32)).read());
    if (size < 0) return Err(Error::fault);
    TRY(mix_from(arg + 2 * sizeof(i32), static_cast<u64>(size)));
    return 0;
}

}  // namespace tenon::personality

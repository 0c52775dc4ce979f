// The kernel's error codes. They carry the POSIX names in lower case because those are the field's
// words; the numbers are Tenon's own, and a personality maps them to its ABI.
#pragma once

#include <tenon/lib/types.h>

namespace tenon {

#define TENON_ERRORS(X)                                                                            \
    X(perm)                                                                                        \
    X(noent) X(srch) X(intr) X(io) X(nxio) X(toobig) X(noexec) X(badf) X(child) X(again) X(nomem)  \
        X(acces) X(fault) X(notblk) X(busy) X(exist) X(xdev) X(nodev) X(notdir) X(isdir) X(inval)  \
            X(nfile) X(mfile) X(notty) X(txtbsy) X(fbig) X(nospc) X(spipe) X(rofs) X(mlink)        \
                X(pipe) X(dom) X(range) X(deadlk) X(nametoolong) X(nolck) X(nosys) X(notempty)     \
                    X(loop) X(nomsg) X(idrm) X(nodata) X(time) X(overflow) X(ilseq) X(notsock)     \
                        X(destaddrreq) X(msgsize) X(prototype) X(noprotoopt) X(protonosupport)     \
                            X(socktnosupport) X(opnotsupp) X(pfnosupport) X(afnosupport)           \
                                X(addrinuse) X(addrnotavail) X(netdown) X(netunreach)              \
                                    X(connaborted) X(connreset) X(nobufs) X(isconn) X(notconn)     \
                                        X(shutdown) X(timedout) X(connrefused) X(hostunreach)      \
                                            X(already) X(inprogress) X(stale) X(dquot) X(canceled) \
                                                X(ownerdead) X(notrecoverable) X(noioctl) X(nokey) \
                                                    X(keyexpired) X(keyrejected) X(badmsg)         \
                                                        X(proto) X(uclean) X(hwpoison) X(bade)     \
                                                            X(nopkg) X(users)

enum class Error : u8 {
    none = 0,
#define TENON_ERROR_ENUM(name) name,
    TENON_ERRORS(TENON_ERROR_ENUM)
#undef TENON_ERROR_ENUM
    // A signal interrupted a sleep. A personality turns these into a restart or into `intr`;
    // they never reach a user program.
    restart,          // restart unless the handler was installed without SA_RESTART
    restart_no_hand,  // restart only if no handler ran
    restart_no_intr,  // restart always
    restart_block,    // restart through the task's restart block (remaining time-out)
    count_,
};

// The lower-case name, e.g. "noent"; never null.
TENON_API const char* error_name(Error error);

}  // namespace tenon

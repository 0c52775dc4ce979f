/* What the programs share: print a call's answer with the errno's name, so that two kernels' outputs can be compared. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAY(expr)                                                                      \
    ({                                                                                 \
        errno = 0;                                                                     \
        long long say_r_ = (long long)(expr);                                          \
        int say_e_ = errno;                                                            \
        if (say_r_ < 0 && say_e_)                                                      \
            printf("%d %s: %s\n", __LINE__, #expr, strerrorname_np(say_e_));           \
        else                                                                           \
            printf("%d %s: %lld\n", __LINE__, #expr, say_r_);                          \
        fflush(stdout);                                                                \
        say_r_;                                                                        \
    })
/* Success or errno only: for answers that are numbers of the day (pids, addresses). */
#define OK(expr)                                                                            \
    ({                                                                                      \
        errno = 0;                                                                          \
        long long ok_r_ = (long long)(expr);                                                \
        int ok_e_ = errno;                                                                  \
        printf("%d %s: %s\n", __LINE__, #expr, ok_r_ == -1 ? strerrorname_np(ok_e_) : "ok"); \
        fflush(stdout);                                                                     \
        ok_r_;                                                                              \
    })

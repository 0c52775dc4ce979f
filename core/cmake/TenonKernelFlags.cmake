# The flags of all kernel code. Core and modules link `tenon_kernel_flags`; the SDK installs this
# file, so that an out-of-tree module is compiled by the same words.
#
# The standard library is used hosted: its header-only part needs nothing but memcpy and friends and
# std::__throw_*, which core/lib provides, and hosted mode keeps the compiler's built-ins. Global
# constructors fail the link (core/arch/*/kernel.ld).

set(TENON_KERNEL_COMPILE_OPTIONS
    -fno-exceptions -fno-rtti
    -fno-asynchronous-unwind-tables -fno-unwind-tables
    -fno-omit-frame-pointer -fno-optimize-sibling-calls
    -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-strict-overflow
    -fno-stack-protector -fcf-protection=none
    -fvisibility=hidden
    -ffunction-sections -fdata-sections
    -fno-threadsafe-statics -fno-common -fno-math-errno
    -fno-semantic-interposition
    -fno-use-cxa-atexit  # destructors of globals go to .fini_array, which is dropped: they never run
    -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers -Wundef -Wvla -Wno-array-bounds
    -Wno-stringop-overflow -Wno-stringop-overread)

# x86_64. clang parses libstdc++ without SSE only when it is told so by name.
if(TENON_ARCH STREQUAL "x86_64")
    list(APPEND TENON_KERNEL_COMPILE_OPTIONS -m64 -march=x86-64 -mno-red-zone -mcx16)
    # Frames of 21 words lie on kernel stacks (UserRegs): 8 is the alignment that holds everywhere.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        list(APPEND TENON_KERNEL_COMPILE_OPTIONS
             -mno-sse -mno-mmx -mno-80387 -mstack-alignment=8 -Wno-unknown-attributes -Wno-unknown-warning-option -Wthread-safety)
    else()
        list(APPEND TENON_KERNEL_COMPILE_OPTIONS
             -mgeneral-regs-only -mpreferred-stack-boundary=3 -Wno-maybe-uninitialized)
    endif()
    # The core relocates itself; a module is relocated by the loader, in the same top 2 GiB.
    set(TENON_CORE_COMPILE_OPTIONS -fpie)
    set(TENON_MODULE_COMPILE_OPTIONS -fno-pic -fno-pie -mcmodel=kernel)
endif()

set(TENON_KERNEL_DEFINITIONS TENON_KERNEL=1)  # and TENON_DEBUG: 0 or 1
if(TENON_DEBUG)
    # -Og leaves an empty constructor function wherever a global has a destructor.
    list(APPEND TENON_KERNEL_COMPILE_OPTIONS -O1)
    list(APPEND TENON_KERNEL_DEFINITIONS TENON_DEBUG=1 BOOST_ENABLE_ASSERT_HANDLER=1)
else()
    list(APPEND TENON_KERNEL_DEFINITIONS TENON_DEBUG=0 BOOST_DISABLE_ASSERTS=1)
endif()
if(TENON_SANITIZE STREQUAL "undefined")
    # By name: the checks of pointers (null, object-size, vptr) keep empty destructors of globals and
    # references to vtables alive, which no module may have. -fno-strict-overflow defines the rest.
    list(APPEND TENON_KERNEL_COMPILE_OPTIONS
         -fsanitize=shift,integer-divide-by-zero,unreachable,return,bounds,bool,enum,builtin
         -fsanitize-undefined-trap-on-error)
    list(APPEND TENON_KERNEL_DEFINITIONS TENON_KASAN=0)
elseif(TENON_SANITIZE STREQUAL "address")
    # core/mm/kasan.h
    list(APPEND TENON_KERNEL_COMPILE_OPTIONS -fsanitize=kernel-address
         "SHELL:--param asan-instrumentation-with-call-threshold=0"
         "SHELL:--param asan-stack=0" "SHELL:--param asan-globals=0")
    list(APPEND TENON_KERNEL_DEFINITIONS TENON_KASAN=1)
else()
    list(APPEND TENON_KERNEL_DEFINITIONS TENON_KASAN=0)
endif()

# Part of every module's vermagic (tenon/module/version.h).
list(APPEND TENON_KERNEL_DEFINITIONS TENON_PRESET_NAME="${TENON_PRESET}")

if(NOT TARGET tenon_kernel_flags)
    add_library(tenon_kernel_flags INTERFACE)
    target_compile_options(tenon_kernel_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:CXX>:${TENON_KERNEL_COMPILE_OPTIONS}>"
        "$<$<COMPILE_LANGUAGE:CXX>:-std=gnu++23;-Wno-invalid-offsetof>"
        # At -Og gcc leaves an empty constructor for a global whose destructor it does not inline.
        "$<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<CONFIG:Debug>>:-finline-small-functions>")
    target_compile_definitions(tenon_kernel_flags INTERFACE ${TENON_KERNEL_DEFINITIONS})
endif()

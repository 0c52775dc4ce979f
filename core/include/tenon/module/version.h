// What the kernel calls itself, and what a module is built for.
#pragma once

// uname -r, and the name of the folder below /lib/modules.
#define TENON_RELEASE "6.1.0-tenon"

// The version of this API's shape (descriptor, sections), not of its contents: those are covered by
// checksums.
#define TENON_MODULE_ABI 1

#ifndef TENON_PRESET_NAME
#define TENON_PRESET_NAME "release"
#endif
#if defined(__clang__)
#define TENON_COMPILER_NAME "clang-"
#else
#define TENON_COMPILER_NAME "gcc-"
#endif
#define TENON_STRINGIFY_(x) #x
#define TENON_STRINGIFY(x) TENON_STRINGIFY_(x)
#if defined(__clang__)
#define TENON_COMPILER TENON_COMPILER_NAME TENON_STRINGIFY(__clang_major__)
#else
#define TENON_COMPILER TENON_COMPILER_NAME TENON_STRINGIFY(__GNUC__)
#endif

// Compiler and preset are part of it: inline bodies and debug members differ between presets.
#define TENON_VERMAGIC TENON_RELEASE " SMP preempt mod_unload " TENON_COMPILER " " TENON_PRESET_NAME

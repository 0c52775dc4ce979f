// All that the source of a module needs to be one.
#pragma once

#include <tenon/module/context.h>    // IWYU pragma: export
#include <tenon/module/manifest.h>   // IWYU pragma: export
#include <tenon/module/parameter.h>  // IWYU pragma: export
#include <tenon/trace/log.h>         // IWYU pragma: export

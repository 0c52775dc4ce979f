// What every boot needs before the first program: file systems, names, modules.
#pragma once

#include "init/config.h"

namespace tenon::init {

// Mounts what is not mounted yet. A file system that the kernel does not have is no error.
void mount_file_systems();
void set_up_console();
void set_up_names();
// Loads the modules of the config. Returns a text that names each failure, empty when all is well.
const char* load_modules(const Config& config);

}  // namespace tenon::init

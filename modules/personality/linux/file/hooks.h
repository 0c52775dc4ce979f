// What the file family hangs into the core while the module lives.
#pragma once

namespace tenon::personality {

void install_file_hooks();
void remove_file_hooks();

}  // namespace tenon::personality

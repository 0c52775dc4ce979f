// What the image builder tells init: /etc/tenon/init.conf.
//
// One `key value` a line; `%XX` in a value stands for that byte. Keys:
//   agent PATH      serve the host on this serial line (absent: somebody booted the image by hand)
//   module FILE ARG...   load this file before anything else runs, with this parameter string
//   argv WORD       one word of the command that the image runs at boot
//   then shell      after that command a shell instead of power-off
#pragma once

namespace tenon::init {

struct Config {
    static constexpr int kMaxModules = 32;
    static constexpr int kMaxWords = 256;

    struct Module {
        char* path;
        char* parameters;
    };

    char* agent = nullptr;
    bool then_shell = false;
    int module_count = 0;
    Module modules[kMaxModules] = {};
    int argc = 0;
    char* argv[kMaxWords + 1] = {};
};

// The strings live as long as the process. A missing file gives the defaults.
Config& load_config(const char* path);

}  // namespace tenon::init

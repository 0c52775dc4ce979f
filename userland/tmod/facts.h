// What the kernel tells about modules, read from /sys, /proc and /lib/modules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tmod {

using Text = std::string;
using List = std::vector<Text>;

// The whole file without the last line's end; false when it cannot be read.
bool read_file(const Text& path, Text& out);
// As above; empty when it cannot be read.
Text read_text(const Text& path);
List list_directory(const Text& path);  // sorted, without dot files; empty when it is none
bool exists(const Text& path);
Text link_name(const Text& path);  // the last part of a link's target
List lines_of(std::string_view text);
List words_of(std::string_view text);

inline Text module_folder(const Text& name) {
    return "/sys/module/" + name;
}
List loaded_modules();
// Folds '-' to '_', as the kernel does.
Text folded(std::string_view name);

struct Grant {
    Text kind, what, detail, site;
};
// False when the kernel has no ledger of it.
bool ledger_of(const Text& name, std::vector<Grant>& out);

struct Health {
    Text state, faults, restarts, at, last;
};
// False when the module never faulted, or the kernel does not tell.
bool health_of(const Text& name, Health& out);
bool kernel_contains();  // it restarts modules
// Writes an order to the kernel; errno of the failure, or 0.
int order(const Text& text);

struct OpenFile {
    Text pid, command, fd, path;
};
// Open files of device nodes with one of these major numbers.
std::vector<OpenFile> open_files(const std::vector<unsigned>& majors);
struct Inside {
    Text pid, command, stack;
};
// Tasks whose kernel stack passes through the module, where the kernel shows stacks.
std::vector<Inside> tasks_inside(const Text& module);

// Modules on disk whose alias matches, as modules.alias says.
List modules_for(const Text& modalias);

}  // namespace tmod

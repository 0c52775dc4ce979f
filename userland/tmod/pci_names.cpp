// The format is described in the head of the list: vendors at the margin, their devices behind one
// tab, subsystems behind two; classes ("C 02  Network controller") and their subclasses likewise.
// Numbers are four hexadecimal digits (classes: two), two spaces stand before a name.
#include "tmod/pci_names.h"

#include <stdio.h>
#include <zlib.h>

namespace tmod {

namespace {

constexpr const char* kLists[] = {"/usr/share/misc/pci.ids", "/usr/share/misc/pci.ids.gz"};

// The names of one entry at the margin and of one below it.
struct Wanted {
    Text outer, inner;  // "1af4", "1044"; "C 0c", "03"
    Text outer_name, inner_name;
    bool inside = false;

    void take(std::string_view line) {
        if (line.empty() || line[0] == '#') return;
        if (line[0] != '\t') {
            inside = name_after(line, outer, outer_name);
        } else if (inside && line[1] != '\t') {
            name_after(line.substr(1), inner, inner_name);
        }
    }
    static bool name_after(std::string_view line, const Text& number, Text& name) {
        if (!line.starts_with(number) || line.substr(number.size(), 2) != "  ") return false;
        name = line.substr(number.size() + 2);
        return true;
    }
};

// The digits of sysfs' "0x1af4", from the first that is asked for on.
Text digits(const Text& file, size_t first, size_t count) {
    const Text text = read_text(file);
    return text.size() >= 2 + first + count ? text.substr(2 + first, count) : Text();
}

bool search(const char* file, Wanted& device, Wanted& kind) {
    gzFile list = ::gzopen(file, "re");  // reads what is not compressed, too
    if (list == nullptr) return false;
    char line[1024];
    while (::gzgets(list, line, sizeof line) != nullptr) {
        std::string_view text = line;
        while (text.ends_with('\n')) text.remove_suffix(1);
        device.take(text);
        kind.take(text);
    }
    ::gzclose(list);
    return true;
}

}  // namespace

Text pci_name(const Text& device_folder) {
    Wanted device, kind;
    device.outer = digits(device_folder + "/vendor", 0, 4);
    device.inner = digits(device_folder + "/device", 0, 4);
    kind.outer = "C " + digits(device_folder + "/class", 0, 2);
    kind.inner = digits(device_folder + "/class", 2, 2);
    if (device.outer.empty() || device.inner.empty() || kind.inner.empty()) return Text();
    for (const char* file : kLists)
        if (search(file, device, kind)) break;
    Text name = device.inner_name;
    if (name.empty()) name = kind.inner_name.empty() ? kind.outer_name : kind.inner_name;
    if (device.outer_name.empty()) return name;
    return name.empty() ? device.outer_name : device.outer_name + " " + name;
}

}  // namespace tmod

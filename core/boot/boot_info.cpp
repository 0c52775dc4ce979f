#include <tenon/boot/boot_info.h>

#include <algorithm>

#include "core/boot/loader_info.h"

namespace tenon::boot {

MemoryKind memory_kind(u32 number) {
    constexpr MemoryKind kKinds[] = {MemoryKind::reserved, MemoryKind::usable,
                                     MemoryKind::reserved, MemoryKind::acpi_tables,
                                     MemoryKind::acpi_nvs, MemoryKind::bad};
    return number < std::size(kKinds) ? kKinds[number] : MemoryKind::reserved;
}

void set_command_line(BootInfo& info, std::span<const u8> text) {
    const auto end = std::find(text.begin(), text.end(), u8{0});
    usize length = static_cast<usize>(end - text.begin());
    if (length >= sizeof(info.command_line_storage)) {
        length = sizeof(info.command_line_storage) - 1;
        ++info.dropped;
    }
    std::copy_n(text.begin(), length, info.command_line_storage);
    info.command_line_storage[length] = '\0';
    info.command_line_length = length;
}

void add_initrd(BootInfo& info, u64 start, u64 end) {
    if (start >= end || info.initrd_count == info.initrd_storage.size()) {
        ++info.dropped;
        return;
    }
    info.initrd_storage[info.initrd_count++] = {{start}, end - start};
}

Parameter find_parameter(std::string_view line, std::string_view name) {
    Parameter result;
    usize at = 0;
    while (at < line.size()) {
        while (at < line.size() && line[at] == ' ') ++at;
        bool quoted = false;
        usize end = at;
        while (end < line.size() && (quoted || line[end] != ' ')) {
            if (line[end] == '"') quoted = !quoted;
            ++end;
        }
        std::string_view word = line.substr(at, end - at);
        at = end;
        if (word == "--") break;
        if (!word.starts_with(name)) continue;
        std::string_view rest = word.substr(name.size());
        if (!rest.empty() && rest.front() != '=') continue;
        if (!rest.empty()) rest.remove_prefix(1);
        if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"')
            rest = rest.substr(1, rest.size() - 2);
        result = {true, rest};
    }
    return result;
}

Parameter parameter(std::string_view name) {
    return find_parameter(boot_info().command_line(), name);
}

}  // namespace tenon::boot

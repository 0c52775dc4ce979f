// /sys/devices: the tree itself. A folder is a device, or a step on the way to one.
#include <tenon/device/device.h>

#include "branch.h"

namespace tenon::sysfs {

namespace {

constexpr std::string_view kOwnFiles[] = {"bind_log",        "config",   "dev",    "driver",
                                          "driver_override", "modalias", "remove", "rescan",
                                          "subsystem",       "uevent"};

// Takes "/name" off the end of `path`.
bool cut(std::string_view& path, std::string_view name) {
    if (path.size() <= name.size() || !path.ends_with(name)) return false;
    path.remove_suffix(name.size());
    if (path.back() != '/') return false;
    path.remove_suffix(1);
    return true;
}

// Compares from the end, as write_path() would have written it.
bool is_path_of(const device::Device& device, std::string_view path) {
    for (const device::Device* d = &device;; d = d->parent()) {
        if (!cut(path, d->name())) return false;
        if (d->parent() == nullptr) {
            if (d->bus() == nullptr && !d->class_name().empty())
                return cut(path, d->class_name()) && path == "/devices/virtual";
            return path == "/devices";
        }
        if (!d->class_name().empty() && !cut(path, d->class_name())) return false;
    }
}

Ref<device::Device> find_by_path(std::string_view path) {
    Ref<device::Device> found;
    each_device([&](device::Device& d) {
        if (!found && is_path_of(d, path)) found = Ref<device::Device>(&d);
    });
    return found;
}

// "/devices/a/b" of the first `count` parts.
void write_path(const Parts& p, u32 count, Text& out) {
    out.write("/devices");
    for (u32 i = 0; i < count; ++i) {
        out.write("/");
        out.write(p[i]);
    }
}

Ref<device::Device> device_at(const Parts& p, u32 count) {
    Text path;
    write_path(p, count, path);
    return find_by_path(path.view());
}

// Calls visit(rest) with what follows `prefix` and a slash in the path of each device below it.
template <typename Visit>
void each_below(std::string_view prefix, Visit&& visit) {
    each_device([&](device::Device& d) {
        char text[256];
        fmt::BufferSink sink(text);
        device::write_path(d, sink);
        const std::string_view path = sink.text();
        if (path.size() > prefix.size() && path.starts_with(prefix) && path[prefix.size()] == '/')
            visit(path.substr(prefix.size() + 1));
    });
}

// Which of its own files a device has.
bool has_file(device::Device& d, std::string_view name, Found& out) {
    if (name == "uevent") {
        out = file(0644);
        return true;
    }
    if (name == "dev") {
        out = file();
        return d.node().major != 0;
    }
    if (name == "modalias") {
        out = file();
        return !d.modalias().empty();
    }
    if (name == "driver_override") {
        out = file(0644);
        return d.bus() != nullptr;
    }
    if (name == "bind_log") {
        out = file();
        return d.bus() != nullptr;
    }
    if (name == "remove" || name == "rescan") {
        out = file(0200);
        return d.bus() != nullptr && d.bus()->is_dynamic();
    }
    if (name == "subsystem") {
        out = link();
        return d.bus() != nullptr || !d.class_name().empty();
    }
    if (name == "config") {
        out = file(0644);
        out.size_bytes = d.call(&device::DeviceOps::config_size, d);
        out.is_binary = true;
        return out.size_bytes != 0;
    }
    if (name == "driver") {
        out = link();
        bool bound = false;
        each_device([&](device::Device& other) {
            if (&other == &d) bound = !device::driver_name(d).empty();
        });
        return bound;
    }
    return false;
}

bool is_own_file(std::string_view name) {
    for (auto own : kOwnFiles)
        if (own == name) return true;
    return false;
}

// The index of an attribute of the maker's, or -1.
isize attribute_index(device::Device& d, std::string_view name, u32& mode) {
    const auto list = d.call(&device::DeviceOps::attributes, d);
    for (usize i = 0; i < list.size(); ++i)
        if (list[i].name == name) {
            mode = list[i].mode;
            return static_cast<isize>(i);
        }
    return -1;
}

// The device whose attribute the end of the path names, and which one. An attribute "GROUP/NAME" is
// a file in a folder of the device's own.
Ref<device::Device> device_of_attribute(const Parts& p, char (&name)[64], isize& index, u32& mode) {
    for (u32 up = 1; up <= 2 && up <= p.count; ++up) {
        Ref<device::Device> d = device_at(p, p.count - up);
        if (!d) continue;
        fmt::BufferSink text(name);
        for (u32 i = p.count - up; i < p.count; ++i) {
            if (i != p.count - up) text.write("/");
            text.write(p[i]);
        }
        index = attribute_index(*d, text.text(), mode);
        return index >= 0 ? d : Ref<device::Device>();
    }
    return {};
}

// Calls visit(name) for each attribute in the folder at `p` below a device, which may be none.
template <typename Visit>
void each_in_group(const Parts& p, Visit&& visit) {
    if (p.count < 2) return;
    Ref<device::Device> d = device_at(p, p.count - 1);
    if (!d || !d->ops()) return;
    const std::string_view group = p[p.count - 1];
    for (const auto& a : d->call(&device::DeviceOps::attributes, *d))
        if (a.name.size() > group.size() + 1 && a.name.starts_with(group) &&
            a.name[group.size()] == '/')
            visit(a.name.substr(group.size() + 1));
}

class DeviceBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        if (p[0] == "system") return system_branch.find(p, out);
        if (p[0] == "virtual" && p.count == 1) {
            out = directory();
            return true;
        }
        Text path;
        write_path(p, p.count, path);
        out = directory();
        if (find_by_path(path.view())) return true;
        if (Ref<device::Device> d = device_at(p, p.count - 1)) {
            const std::string_view name = p[p.count - 1];
            if (is_own_file(name)) return has_file(*d, name, out);
        }
        char name[64];
        isize index = -1;
        u32 mode = 0;
        if (device_of_attribute(p, name, index, mode)) {
            out = file(mode);
            return true;
        }
        bool is_group = false;
        each_in_group(p, [&](std::string_view) { is_group = true; });
        if (is_group) {
            out = directory();
            return true;
        }
        // A step on the way: the folder of a class.
        bool is_folder = false;
        each_below(path.view(), [&](std::string_view) { is_folder = true; });
        out = directory();
        return is_folder;
    }

    void list(const Parts& p, Lister& out) override {
        if (p[0] == "system") return system_branch.list(p, out);
        if (p.count == 0) {
            out.dir("system");
            out.dir("virtual");
        }
        Text path, seen;
        write_path(p, p.count, path);
        if (p.count == 0) seen.write("/virtual//system/");
        each_below(path.view(), [&](std::string_view rest) {
            fmt::Line<96> name("/{}/", rest.substr(0, rest.find('/')));
            if (seen.view().find(name.view()) != std::string_view::npos) return;
            seen.write(name.view());
        });
        std::string_view rest = seen.view();
        if (p.count == 0) rest.remove_prefix(std::string_view("/virtual//system/").size());
        while (rest.size() > 2) {
            const usize end = rest.find('/', 1);
            out.dir(rest.substr(1, end - 1));
            rest.remove_prefix(end + 1);
        }
        each_in_group(p, [&](std::string_view name) { out.file(name); });
        Ref<device::Device> d = device_at(p, p.count);
        if (!d || p.count == 0) return;
        Found found;
        for (auto name : kOwnFiles)
            if (has_file(*d, name, found)) out.entry(name, found.mode & vfs::kTypeMask);
        std::string_view group;  // attributes of one group stand together
        for (const auto& a : d->call(&device::DeviceOps::attributes, *d)) {
            const usize slash = a.name.find('/');
            if (slash == a.name.npos)
                out.file(a.name);
            else if (a.name.substr(0, slash) != std::exchange(group, a.name.substr(0, slash)))
                out.dir(group);
        }
    }

    Result<void> show(const Parts& p, Text& out) override {
        if (p[0] == "system") return system_branch.show(p, out);
        char attribute[64];
        isize index = -1;
        u32 mode = 0;
        if (Ref<device::Device> d = device_of_attribute(p, attribute, index, mode))
            return d->call(&device::DeviceOps::show, *d, static_cast<usize>(index), out);
        Ref<device::Device> d = device_at(p, p.count - 1);
        if (!d) return Err(Error::nodev);
        const std::string_view name = p[p.count - 1];
        if (name == "uevent") {
            device::write_uevent(*d, out);
        } else if (name == "bind_log") {
            device::write_bind_log(*d, out);
        } else if (name == "dev") {
            fmt::print(out, "{}:{}\n", d->node().major, d->node().minor);
        } else if (name == "modalias") {
            fmt::print(out, "{}\n", d->modalias());
        } else if (name == "driver_override") {
            const auto forced = device::driver_override(*d);
            fmt::print(out, "{}\n", forced.empty() ? std::string_view("(null)") : forced);
        } else {
            return Err(Error::nodev);
        }
        return {};
    }

    Result<void> store(const Parts& p, std::string_view text) override {
        if (p[0] == "system") return Err(Error::io);
        Ref<device::Device> d = device_at(p, p.count - 1);
        if (!d) return Err(Error::nodev);
        const std::string_view name = p[p.count - 1];
        if (name == "uevent") {
            // "add", "change", ..., perhaps with a UUID and values behind it.
            const std::string_view action = text.substr(0, text.find(' '));
            if (action != "add" && action != "change" && action != "remove" && action != "bind" &&
                action != "unbind" && action != "move" && action != "online" && action != "offline")
                return Err(Error::inval);
            device::emit_uevent(*d, action, "SYNTH_UUID=0\n");
            return {};
        }
        if (name == "remove" || name == "rescan") {
            device::Bus* bus = d->bus();
            if (text != "1") return text == "0" ? Result<void>{} : Err(Error::inval);
            const auto gated = module::Gated<device::Bus>::borrow(bus, bus->gate.get());
            return name == "remove" ? gated.call(&device::Bus::remove, *d)
                                    : gated.call(&device::Bus::rescan);
        }
        if (name == "driver_override") return device::set_driver_override(*d, text);
        u32 mode = 0;
        const isize index = attribute_index(*d, name, mode);
        if (index < 0) return Err(Error::nodev);
        return d->call(&device::DeviceOps::store, *d, static_cast<usize>(index), text);
    }

    void target(const Parts& p, Text& out) override {
        Ref<device::Device> d = device_at(p, p.count - 1);
        if (!d) return;
        if (p[p.count - 1] == "subsystem") {
            if (d->bus() != nullptr)
                fmt::print(out, "bus/{}", d->bus()->name());
            else
                fmt::print(out, "class/{}", d->class_name());
            return;
        }
        each_device([&](device::Device& other) {
            if (&other == d.get() && d->bus() != nullptr)
                fmt::print(out, "bus/{}/drivers/{}", d->bus()->name(), device::driver_name(*d));
        });
    }

    Result<usize> read_at(const Parts& p, u64 offset, std::span<u8> out) override {
        Ref<device::Device> d = device_at(p, p.count - 1);
        if (!d) return Err(Error::nodev);
        return d->call(&device::DeviceOps::read_config, *d, static_cast<usize>(offset), out);
    }

    Result<usize> write_at(const Parts& p, u64 offset, std::span<const u8> bytes) override {
        Ref<device::Device> d = device_at(p, p.count - 1);
        if (!d) return Err(Error::nodev);
        return d->call(&device::DeviceOps::write_config, *d, static_cast<usize>(offset), bytes);
    }
};
constinit DeviceBranch branch;

}  // namespace

constinit Branch& device_branch = branch;

}  // namespace tenon::sysfs

// /sys/bus, /sys/class, /sys/dev: other ways to the devices.
#include <tenon/device/device.h>

#include "branch.h"

namespace tenon::sysfs {

namespace {

void write_target(device::Device& d, Text& out) {
    Text path;
    device::write_path(d, path);
    if (!path.view().empty()) out.write(path.view().substr(1));
}

bool is_on(const device::Device& d, std::string_view bus) {
    return d.bus() != nullptr && d.bus()->name() == bus;
}

// --- bus

constexpr std::string_view kBusFiles[] = {"drivers_autoprobe", "drivers_probe", "rescan", "uevent"};
constexpr std::string_view kDriverFiles[] = {"bind", "unbind", "uevent"};

device::Bus* bus_named(std::string_view name) {
    device::Bus* found = nullptr;
    each_bus([&](device::Bus& b) {
        if (b.name() == name) found = &b;
    });
    return found;
}

// The driver's module when the bus has a driver of that name.
bool find_driver(std::string_view bus, std::string_view driver, char (&module)[56]) {
    bool found = false;
    // The list of drivers takes the tree's lock itself.
    device::Bus* there = bus_named(bus);
    if (there == nullptr) return false;
    struct Search {
        std::string_view name;
        bool& found;
        char (&module)[56];
    } search{driver, found, module};
    device::for_each_driver(
        *there,
        [](std::string_view name, std::string_view owner, void* c) {
            auto& s = *static_cast<Search*>(c);
            if (name != s.name) return;
            s.found = true;
            const usize n = owner.size() < 55 ? owner.size() : 55;
            std::memcpy(s.module, owner.data(), n);
            s.module[n] = '\0';
        },
        &search);
    return found;
}

Ref<device::Device> device_on(std::string_view bus, std::string_view name) {
    Ref<device::Device> found;
    each_device([&](device::Device& d) {
        if (is_on(d, bus) && d.name() == name) found = Ref<device::Device>(&d);
    });
    return found;
}

bool has_file(std::string_view bus, std::string_view file) {
    if (file != "rescan") return true;
    const device::Bus* there = bus_named(bus);
    return there != nullptr && there->is_dynamic();
}

class BusBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        bool found = false;
        each_bus([&](device::Bus& b) { found |= b.name() == p[0]; });
        if (!found) return false;
        out = directory();
        if (p.count == 1) return true;
        if (p.count == 2) {
            if (p[1] == "devices" || p[1] == "drivers") return true;
            for (auto name : kBusFiles)
                if (name == p[1] && has_file(p[0], name)) {
                    out = file(name == "drivers_autoprobe" ? 0644 : 0200);
                    return true;
                }
            return false;
        }
        if (p[1] == "devices") {
            out = link();
            return p.count == 3 && device_on(p[0], p[2]);
        }
        if (p[1] != "drivers") return false;
        char module[56];
        if (!find_driver(p[0], p[2], module)) return false;
        if (p.count == 3) return true;
        if (p.count != 4) return false;
        for (auto name : kDriverFiles)
            if (name == p[3]) {
                out = file(0200);
                return true;
            }
        out = link();
        if (p[3] == "module") return module[0] != '\0';
        bool bound = false;
        each_device([&](device::Device& d) {
            bound |= is_on(d, p[0]) && d.name() == p[3] && device::driver_name(d) == p[2];
        });
        return bound;
    }

    void list(const Parts& p, Lister& out) override {
        if (p.count == 0) {
            each_bus([&](device::Bus& b) { out.dir(b.name()); });
        } else if (p.count == 1) {
            out.dir("devices");
            out.dir("drivers");
            for (auto name : kBusFiles)
                if (has_file(p[0], name)) out.file(name);
        } else if (p.count == 2 && p[1] == "devices") {
            each_device([&](device::Device& d) {
                if (is_on(d, p[0])) out.link(d.name());
            });
        } else if (p.count == 2 && p[1] == "drivers") {
            device::Bus* bus = nullptr;
            each_bus([&](device::Bus& b) {
                if (b.name() == p[0]) bus = &b;
            });
            if (bus != nullptr)
                device::for_each_driver(
                    *bus,
                    [](std::string_view name, std::string_view, void* c) {
                        static_cast<Lister*>(c)->dir(name);
                    },
                    &out);
        } else if (p.count == 3) {
            for (auto name : kDriverFiles) out.file(name);
            char module[56] = {};
            if (find_driver(p[0], p[2], module) && module[0] != '\0') out.link("module");
            each_device([&](device::Device& d) {
                if (is_on(d, p[0]) && device::driver_name(d) == p[2]) out.link(d.name());
            });
        }
    }

    Result<void> show(const Parts& p, Text& out) override {
        if (p.count == 2 && p[1] == "drivers_autoprobe") {
            out.write("1\n");
            return {};
        }
        return Err(Error::acces);
    }

    Result<void> store(const Parts& p, std::string_view text) override {
        if (p.count == 2 && p[1] == "drivers_autoprobe")
            return text == "1" ? Result<void>{} : Result<void>(Err(Error::inval));
        if (p[p.count - 1] == "uevent") return {};
        if (p.count == 2 && p[1] == "rescan") {
            device::Bus* bus = bus_named(p[0]);
            if (bus == nullptr) return Err(Error::nodev);
            if (text != "1") return text == "0" ? Result<void>{} : Err(Error::inval);
            return module::Gated<device::Bus>::borrow(bus, bus->gate.get())
                .call(&device::Bus::rescan);
        }
        Ref<device::Device> d = device_on(p[0], text);
        if (!d) return Err(Error::nodev);
        if (p.count == 2 && p[1] == "drivers_probe") return device::attach(*d);
        if (p.count != 4) return Err(Error::io);
        if (p[3] == "bind") return device::bind(*d, p[2]);
        bool bound = false;
        each_device([&](device::Device& other) {
            bound |= &other == d.get() && device::driver_name(other) == p[2];
        });
        if (!bound) return Err(Error::nodev);
        return device::unbind(*d);
    }

    void target(const Parts& p, Text& out) override {
        if (p.count == 4 && p[3] == "module") {
            char module[56] = {};
            find_driver(p[0], p[2], module);
            fmt::print(out, "module/{}", static_cast<const char*>(module));
            return;
        }
        if (Ref<device::Device> d = device_on(p[0], p[p.count - 1])) write_target(*d, out);
    }
};

// --- class

class ClassBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        bool found = false;
        out = p.count == 1 ? directory() : link();
        each_device([&](device::Device& d) {
            found |= !d.class_name().empty() && d.class_name() == p[0] &&
                     (p.count == 1 || (p.count == 2 && d.name() == p[1]));
        });
        return found;
    }
    void list(const Parts& p, Lister& out) override {
        Text seen;
        each_device([&](device::Device& d) {
            if (d.class_name().empty()) return;
            if (p.count == 1 && d.class_name() == p[0]) out.link(d.name());
            if (p.count != 0) return;
            fmt::Line<32> name("/{}/", d.class_name());
            if (seen.view().find(name.view()) != std::string_view::npos) return;
            seen.write(name.view());
            out.dir(d.class_name());
        });
    }
    void target(const Parts& p, Text& out) override {
        each_device([&](device::Device& d) {
            if (d.class_name() == p[0] && d.name() == p[1] &&
                out.view().find("devices/") == out.view().npos)
                write_target(d, out);
        });
    }
};

// --- block: the class of that name, without its folder

class BlockBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        bool found = false;
        out = link();
        each_device([&](device::Device& d) { found |= p.count == 1 && is(d, p[0]); });
        return found;
    }
    void list(const Parts&, Lister& out) override {
        each_device([&](device::Device& d) {
            if (is(d, d.name())) out.link(d.name());
        });
    }
    void target(const Parts& p, Text& out) override {
        each_device([&](device::Device& d) {
            if (is(d, p[0])) write_target(d, out);
        });
    }

  private:
    static bool is(const device::Device& d, std::string_view name) {
        return d.class_name() == "block" && d.name() == name;
    }
};

// --- dev

class DevBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        if (p[0] != "char" && p[0] != "block") return false;
        out = p.count == 1 ? directory() : link();
        bool found = p.count == 1;
        each_device([&](device::Device& d) { found |= p.count == 2 && is(d, p); });
        return found;
    }
    void list(const Parts& p, Lister& out) override {
        if (p.count == 0) {
            out.dir("block");
            out.dir("char");
            return;
        }
        each_device([&](device::Device& d) {
            if (d.node().major != 0 && d.node().is_block == (p[0] == "block"))
                out.link(fmt::Line<24>("{}:{}", d.node().major, d.node().minor).view());
        });
    }
    void target(const Parts& p, Text& out) override {
        each_device([&](device::Device& d) {
            if (is(d, p)) write_target(d, out);
        });
    }

  private:
    static bool is(device::Device& d, const Parts& p) {
        return d.node().major != 0 && d.node().is_block == (p[0] == "block") &&
               fmt::Line<24>("{}:{}", d.node().major, d.node().minor).view() == p[1];
    }
};

constinit BusBranch bus_object;
constinit ClassBranch class_object;
constinit BlockBranch block_object;
constinit DevBranch dev_object;

}  // namespace

constinit Branch& bus_branch = bus_object;
constinit Branch& class_branch = class_object;
constinit Branch& block_branch = block_object;
constinit Branch& dev_branch = dev_object;

}  // namespace tenon::sysfs

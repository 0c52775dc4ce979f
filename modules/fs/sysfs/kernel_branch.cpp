// /sys/kernel, /sys/firmware, and folders that programs expect to be there.
#include <tenon/device/acpi_tables.h>
#include <tenon/module/loader.h>

#include <algorithm>
#include <cstring>

#include "branch.h"

namespace tenon::sysfs {

namespace {

class EmptyBranch final : public Branch {
  public:
    bool find(const Parts&, Found&) override { return false; }
    void list(const Parts&, Lister&) override {}
};

// kernel, and kernel/tenon: what the module system tells, and takes as orders.
class KernelBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        const bool ours = p[0] == "tenon";
        if (p.count == 2 && ours) {
            out = file(p[1] == "module_control" ? 0200 : 0444);
            return p[1] == "module_control" || p[1] == "module_health";
        }
        if (p.count != 1) return false;
        if (p[0] == "uevent_seqnum") {
            out = file();
            return true;
        }
        out = directory();
        return ours || p[0] == "debug" || p[0] == "security" || p[0] == "cgroup";
    }
    void list(const Parts& p, Lister& out) override {
        if (p.count == 1 && p[0] == "tenon") {
            out.file("module_control");
            out.file("module_health");
        }
        if (p.count != 0) return;
        out.file("uevent_seqnum");
        for (auto name : {"cgroup", "debug", "security", "tenon"}) out.dir(name);
    }
    Result<void> show(const Parts& p, Text& out) override {
        if (p.count == 2)
            module::write_health(out);
        else
            fmt::print(out, "{}\n", device::uevent_sequence());
        return {};
    }
    // "restart NAME", "release NAME", "update PATH".
    Result<void> store(const Parts&, std::string_view text) override {
        if (text.ends_with('\n')) text.remove_suffix(1);
        const usize space = text.find(' ');
        if (space == std::string_view::npos) return Err(Error::inval);
        const std::string_view order = text.substr(0, space), name = text.substr(space + 1);
        if (order == "restart") return module::restart_module(name);
        if (order == "release") return module::release_module(name);
        if (order == "update") return module::update_module(name);
        return Err(Error::inval);
    }
};

// acpi/tables/SIGNATURE[n], bytes as the firmware left them.
class FirmwareBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        out = directory();
        if (p[0] != "acpi") return false;
        if (p.count == 1) return true;
        if (p[1] != "tables") return false;
        if (p.count == 2) return true;
        const auto table = find_table(p);
        out = file(0400);
        out.size_bytes = table.size();
        out.is_binary = true;
        return p.count == 3 && !table.empty();
    }
    void list(const Parts& p, Lister& out) override {
        if (p.count == 0) out.dir("acpi");
        if (p.count == 1) out.dir("tables");
        if (p.count != 2) return;
        struct Seen {
            Lister& out;
            char names[32][5];
            u32 count = 0;
        } seen{out, {}, 0};
        acpi::for_each_table(
            [](std::span<const u8> table, void* c) {
                auto& s = *static_cast<Seen*>(c);
                if (table.size() < 4 || s.count == 32) return;
                char* name = s.names[s.count++];
                std::memcpy(name, table.data(), 4);
                name[4] = '\0';
                u32 same = 0;
                for (u32 i = 0; i + 1 < s.count; ++i) same += std::memcmp(s.names[i], name, 5) == 0;
                if (same == 0)
                    s.out.file(name);
                else
                    s.out.file(
                        fmt::Line<16>("{}{}", static_cast<const char*>(name), same + 1).view());
            },
            &seen);
    }
    Result<usize> read_at(const Parts& p, u64 offset, std::span<u8> out) override {
        const auto table = find_table(p);
        if (offset >= table.size()) return usize{0};
        const usize n = std::min<usize>(out.size(), table.size() - offset);
        std::memcpy(out.data(), table.data() + offset, n);
        return n;
    }

  private:
    static std::span<const u8> find_table(const Parts& p) {
        if (p[2].size() < 4 || p[2].size() > 6) return {};
        char signature[5] = {};
        std::memcpy(signature, p[2].data(), 4);
        u32 index = 0;
        for (char c : p[2].substr(4)) {
            if (c < '0' || c > '9') return {};
            index = index * 10 + static_cast<u32>(c - '0');
        }
        if (p[2].size() > 4 && index < 2) return {};
        return acpi::find_table(signature, index == 0 ? 0 : index - 1);
    }
};

constinit EmptyBranch empty_object;
constinit KernelBranch kernel_object;
constinit FirmwareBranch firmware_object;

}  // namespace

constinit Branch& empty_branch = empty_object;
constinit Branch& kernel_branch = kernel_object;
constinit Branch& firmware_branch = firmware_object;

}  // namespace tenon::sysfs

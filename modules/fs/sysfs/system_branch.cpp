// /sys/devices/system/cpu: what nproc, lscpu and the C library look at.
#include <tenon/arch/cpu.h>

#include "cpu_branch.h"

namespace tenon::sysfs {

namespace {

constexpr std::string_view kFiles[] = {"online", "possible", "present", "offline", "kernel_max"};

constexpr u32 kNoCpu = ~u32{0};

u32 cpu_of_folder(std::string_view name) {
    for (u32 i = 0; i < arch::online_cpus(); ++i)
        if (fmt::Line<16>("cpu{}", i).view() == name) return i;
    return kNoCpu;
}

// Paths begin with "system".
class SystemBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        if (p.count == 1 || (p.count == 2 && p[1] == "cpu")) {
            out = directory();
            return true;
        }
        if (p[1] != "cpu") return false;
        if (const u32 cpu = cpu_of_folder(p[2]); cpu != kNoCpu) return find_in_cpu(p, cpu, out);
        if (p.count == 3)
            for (auto name : kFiles)
                if (name == p[2]) {
                    out = file();
                    return true;
                }
        return false;
    }
    void list(const Parts& p, Lister& out) override {
        if (p.count == 1) out.dir("cpu");
        if (p.count > 2) list_cpu(p, cpu_of_folder(p[2]), out);
        if (p.count != 2) return;
        for (u32 i = 0; i < arch::online_cpus(); ++i) out.dir(fmt::Line<16>("cpu{}", i).view());
        for (auto name : kFiles) out.file(name);
    }
    Result<void> show(const Parts& p, Text& out) override {
        if (p.count > 3) return show_of_cpu(p, cpu_of_folder(p[2]), out);
        const u32 n = p[2] == "possible" ? arch::possible_cpus() : arch::online_cpus();
        if (p[2] == "kernel_max")
            fmt::print(out, "{}\n", arch::kMaxCpus - 1);
        else if (p[2] == "offline")
            out.write("\n");
        else if (n == 1)
            out.write("0\n");
        else
            fmt::print(out, "0-{}\n", n - 1);
        return {};
    }
};
constinit SystemBranch branch;

}  // namespace

constinit Branch& system_branch = branch;

}  // namespace tenon::sysfs

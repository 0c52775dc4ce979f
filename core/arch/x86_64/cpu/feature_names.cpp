// Names: Intel SDM 2A and AMD APM 3, spelt as Linux programs grep for them.
#include "core/arch/x86_64/cpu/feature_names.h"

#include <tenon/arch/machine.h>

#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"

namespace tenon::arch {

namespace {

// Each word's names, from bit 0 on, separated by single spaces; "-": no name. One string a word
// needs no relocated pointers.
struct WordNames {
    u32 word;
    char names[320];
};
constexpr WordNames kNames[] = {
    {0,
     "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn "
     "clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"},
    {1,
     "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb "
     "rdtscp - lm 3dnowext 3dnow"},
    {4,
     "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr "
     "pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - "
     "avx f16c rdrand hypervisor"},
    {6,
     "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch "
     "osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core "
     "perfctr_nb - bpext ptsc perfctr_llc mwaitx - -"},
    {9,
     "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx "
     "rdt_a avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt "
     "avx512pf avx512er avx512cd sha_ni avx512bw avx512vl"},
    {10, "xsaveopt xsavec xgetbv1 xsaves xfd"},
    {13, "clzero irperf xsaveerptr - rdpru - - - - wbnoinvd"},
    {16,
     "avx512vbmi - umip - - waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni "
     "avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect "
     "cldemote - movdiri movdir64b enqcmd - -"},
    {18,
     "- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect - md_clear - - - "
     "serialize - tsxldtrk - pconfig arch_lbr ibt - amx_bf16 avx512_fp16 amx_tile "
     "amx_int8 - - flush_l1d arch_capabilities - -"},
};

// Scratch for the answer: callers use a name at once, and each bit has its own place.
constinit char g_name[24 * 32][20] = {};

}  // namespace

const char* cpu_feature_name(u32 bit) {
    if (bit >= 24 * 32) return nullptr;
    for (const auto& w : kNames) {
        if (w.word != bit / 32) continue;
        const char* p = w.names;
        for (u32 skip = bit % 32; skip != 0; ++p) {
            if (*p == '\0') return nullptr;
            if (*p == ' ') --skip;
        }
        if (*p == '-' || *p == '\0') return nullptr;
        char* out = g_name[bit];
        usize n = 0;
        for (; p[n] != '\0' && p[n] != ' ' && n < sizeof(g_name[0]) - 1; ++n) out[n] = p[n];
        return out;
    }
    return nullptr;
}

void x86::read_feature_words(u32 (&words)[24]) {
    const u32 max = cpuid(0).a, max_ext = cpuid(0x80000000).a;
    const auto l1 = cpuid(1);
    words[0] = l1.d;
    words[4] = l1.c & ~(1u << 27);
    const auto e1 = cpuid(0x80000001);
    words[1] = e1.d & 0xee100800 & ~(u32{1} << 31 | u32{1} << 30);
    words[1] |= e1.d & (u32{1} << 31 | u32{1} << 30 | u32{1} << 22 | u32{1} << 25);
    words[6] = e1.c;
    if (max >= 7) {
        const auto l7 = cpuid(7);
        words[9] = l7.b;
        // User protection keys are not enabled; nor is LA57.
        words[16] = l7.c & ~(u32{3} << 3) & ~(u32{1} << 16);
        words[18] = l7.d;
    }
    if (max >= 0xd) words[10] = cpuid(0xd, 1).a & 0x1f;
    if (max_ext >= 0x80000008) words[13] = cpuid(0x80000008).b;
}

}  // namespace tenon::arch

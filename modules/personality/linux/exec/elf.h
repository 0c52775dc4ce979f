// ELF programs.
#pragma once

#include <tenon/mm/address_space.h>
#include <tenon/process/personality.h>
#include <tenon/vfs/file.h>

#include "personality/linux/abi.h"

namespace tenon::personality::elf {

// A program or interpreter whose headers were read and found sound. Nothing is mapped yet.
class Image {
  public:
    // Error::noexec for what is no ELF program of this machine, or whose headers lie.
    static Result<void> read(vfs::File& file, std::span<const u8> head, Image& out);

    bool is_dynamic() const { return header.e_type == ET_DYN; }
    const uapi::Elf64_Phdr* find(u32 type) const;
    std::span<const uapi::Elf64_Phdr> segments() const { return {table.get(), header.e_phnum}; }

    uapi::Elf64_Ehdr header;
    std::unique_ptr<uapi::Elf64_Phdr[]> table;
    u64 low = 0, high = 0;  // page-aligned span of all PT_LOAD, unbiased
    u64 alignment = kPageSize;
};

// Where an image came to lie.
struct Placement {
    u64 bias = 0;
    u64 entry = 0;
    u64 phdr = 0;  // address of the program headers in memory, 0 if no segment holds them
    u64 end = 0;   // first byte after bss, not aligned
    u64 code_start = ~u64{0}, code_end = 0, data_start = 0, data_end = 0;
};
// Maps into the calling task's (current) space. `base`: where a dynamic image goes, 0: anywhere.
Result<Placement> map_image(mm::AddressSpace& space, Ref<vfs::File> file, const Image& image,
                            u64 base);

Result<void> exec(process::ExecRequest& request);

}  // namespace tenon::personality::elf

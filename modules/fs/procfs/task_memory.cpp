// mem and pagemap: a process's memory, and which pages it is in.
#include <tenon/mm/address_space.h>

#include <algorithm>
#include <cstring>

#include "files.h"
#include "pages.h"

namespace tenon::procfs {

namespace {

// A file about an address space: positions are addresses, or grow with them.
class SpaceFile : public vfs::FileOps {
  public:
    SpaceFile(const Node& node, const Subject& about)
        : who_(node.who), space_(SpaceId::of(*about.task)) {}
    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        if (whence == Whence::current) return file.position() + static_cast<u64>(offset);
        if (whence != Whence::set) return Err(Error::inval);
        return static_cast<u64>(offset);
    }

  protected:
    // The space as of the opening; null: it is gone.
    Ref<mm::AddressSpace> space() const {
        const auto about = subject_of(who_);
        if (!about || SpaceId::of(*about->task) != space_) return nullptr;
        return process::space_of(*about->task);
    }

  private:
    const Identity who_;
    const SpaceId space_;
};

class MemoryFile final : public SpaceFile {
  public:
    using SpaceFile::SpaceFile;
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        return move(buffer, position, false);
    }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        return move(buffer, position, true);
    }

  private:
    Result<usize> move(vfs::IoBuffer& buffer, u64& position, bool write) {
        const Ref<mm::AddressSpace> space = this->space();
        if (!space) return usize{0};
        u8 chunk[512];
        usize done = 0;
        while (buffer.remaining() != 0) {
            const usize n = std::min(buffer.remaining(), sizeof(chunk));
            if (write) TRY(buffer.get(chunk, n));
            auto moved = space->access(position, chunk, n, write, true);
            if (!moved) {
                if (done != 0) break;
                return Err(Error::io);
            }
            if (!write) TRY(buffer.put(chunk, *moved));
            position += *moved;
            done += *moved;
            if (*moved < n || process::fatal_signal_pending()) break;
        }
        return done;
    }
};

// A word a page. Spec: Linux Documentation/admin-guide/mm/pagemap.rst.
class PageMapFile final : public SpaceFile {
  public:
    PageMapFile(const Node& node, const Subject& about)
        : SpaceFile(node, about), frames_(process::capable(process::Capability::sys_admin)) {}
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        const Ref<mm::AddressSpace> space = this->space();
        if (!space) return usize{0};
        if (position % sizeof(u64) != 0 || buffer.remaining() % sizeof(u64) != 0)
            return Err(Error::inval);
        struct Words {
            u64 word[512];
        };
        const std::unique_ptr<Words> words(new (std::nothrow) Words);
        if (!words) return Err(Error::nomem);
        usize done = 0;
        while (buffer.remaining() != 0) {
            const u64 first = position / sizeof(u64), end = arch::kUserLimit >> kPageShift;
            if (first >= end) break;
            const usize n = std::min({buffer.remaining() / sizeof(u64), std::size(words->word),
                                      static_cast<usize>(end - first)});
            fill(*space, first << kPageShift, {words->word, n});
            const auto moved = buffer.put(words->word, n * sizeof(u64));
            if (!moved && done == 0) return moved;
            done += moved.value_or(0);
            position += moved.value_or(0);
            if (moved.value_or(0) < n * sizeof(u64) || process::fatal_signal_pending()) break;
        }
        return done;
    }

  private:
    static constexpr u64 kWritten = u64{1} << 55, kOnlyHere = u64{1} << 56, kOfFile = u64{1} << 61,
                         kPresent = u64{1} << 63;
    void fill(mm::AddressSpace& space, u64 start, std::span<u64> out) const {
        std::memset(out.data(), 0, out.size_bytes());
        const u64 end = start + (out.size() << kPageShift);
        sync::ReadGuard guard(space.lock);
        for (const mm::Vma* vma = space.find(start); vma != nullptr && vma->range.start < end;
             vma = space.next(const_cast<mm::Vma&>(*vma))) {
            const u64 from = std::max(start, vma->range.start), to = std::min(end, vma->range.end);
            // In a mapping made since, everything counts as written.
            const bool fresh = !mm::has(vma->flags, mm::VmaFlags::tracked);
            if (fresh)
                std::fill_n(out.data() + ((from - start) >> kPageShift), (to - from) >> kPageShift,
                            kWritten);
            each_entry(space, from, to, [&](u64 va, arch::Pte entry, mm::Page* page) {
                u64& word = out[(va - start) >> kPageShift];
                word |= kPresent;
                if (frames_) word |= page != nullptr ? mm::pfn_of(page).value : entry.pfn().value;
                if (page != nullptr) {
                    if (entry.present() ? entry.dirty() : was_written(entry, *page))
                        word |= kWritten;
                    if (page->kind == mm::Page::Kind::file) word |= kOfFile;
                    if (mapped_times(*page) == 1) word |= kOnlyHere;
                }
                return entry;
            });
        }
    }
    const bool frames_;  // frame numbers are for the opener
};

template <typename File>
Result<std::unique_ptr<vfs::FileOps>> make(const Node& node, const Subject& about) {
    return std::unique_ptr<vfs::FileOps>(new (std::nothrow) File(node, about));
}

}  // namespace

Result<std::unique_ptr<vfs::FileOps>> open_memory(const Node& node, const Subject& about) {
    return make<MemoryFile>(node, about);
}
Result<std::unique_ptr<vfs::FileOps>> open_page_map(const Node& node, const Subject& about) {
    return make<PageMapFile>(node, about);
}

}  // namespace tenon::procfs

// The sections .tenon.imports and .tenon.exports, which modpost makes: one record a symbol, in the
// order of the symbol table, and the strings that they refer to behind. Pure code, also built on
// the host.
#pragma once

#include <tenon/lib/types.h>

#include <cstring>
#include <span>
#include <string_view>

namespace tenon::module {

struct SymbolRecord {
    u64 hash;
    u32 type_checksum;
    // Offsets in the section; 0: none.
    u32 provider;    // imports: the module that exports it; none: the core
    u32 name_space;  // of the export
    u32 readable;    // imports: the name as people write it
};

// Walks along with the symbol table. The bytes are hostile.
class RecordReader {
  public:
    explicit RecordReader(std::span<const u8> section) : bytes_(section) {
        if (bytes_.size() < 8) return;
        std::memcpy(&count_, bytes_.data(), 4);
        if (count_ > (bytes_.size() - 8) / sizeof(SymbolRecord)) count_ = 0;
        patience_ = u64{count_} * 64;
    }
    // The record for a symbol of this hash: normally the next one.
    bool find(u64 hash, SymbolRecord& out) {
        for (u32 tries = 0; tries < count_ && patience_ != 0; ++tries, --patience_) {
            if (next_ == count_) next_ = 0;
            std::memcpy(&out, bytes_.data() + 8 + usize{next_++} * sizeof out, sizeof out);
            if (out.hash == hash) return true;
        }
        return false;
    }
    std::string_view text(u32 offset) const {
        if (offset == 0 || offset >= bytes_.size() || bytes_.back() != 0) return {};
        return reinterpret_cast<const char*>(bytes_.data() + offset);
    }
    u32 count() const { return count_; }

  private:
    std::span<const u8> bytes_;
    u32 count_ = 0, next_ = 0;
    u64 patience_ = 0;  // a table in another order than the symbols' must not take for ever
};

}  // namespace tenon::module

// Builds tables for the parsers under test: little-endian fields, one after the other. `exact()`
// puts them into an allocation of just their size, so that ASan sees every read beyond.
#pragma once

#include <tenon/lib/types.h>

#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tenon::test {

class Bytes {
  public:
    template <typename T>
    Bytes& put(T value) {
        const auto* p = reinterpret_cast<const u8*>(&value);
        bytes_.insert(bytes_.end(), p, p + sizeof(value));
        return *this;
    }
    Bytes& text(std::string_view s) {
        bytes_.insert(bytes_.end(), s.begin(), s.end());
        return *this;
    }
    Bytes& zeros(usize n) {
        bytes_.resize(bytes_.size() + n);
        return *this;
    }
    template <typename T>
    Bytes& set(usize offset, T value) {
        std::memcpy(bytes_.data() + offset, &value, sizeof(value));
        return *this;
    }
    usize size() const { return bytes_.size(); }
    std::vector<u8>& vector() { return bytes_; }

  private:
    std::vector<u8> bytes_;
};

class Exact {
  public:
    explicit Exact(std::span<const u8> from) : size_(from.size()), bytes_(new u8[from.size()]) {
        if (size_ != 0) std::memcpy(bytes_.get(), from.data(), size_);
    }
    std::span<const u8> span() const { return {bytes_.get(), size_}; }

  private:
    usize size_;
    std::unique_ptr<u8[]> bytes_;
};

// Every prefix of `whole`, and every prefix with each byte set to each of a few nasty values.
template <typename Check>
void for_each_damage(std::vector<u8> whole, Check&& check) {
    for (usize n = 0; n <= whole.size(); ++n) check(Exact(std::span(whole).first(n)).span());
    for (usize i = 0; i < whole.size(); ++i) {
        const u8 old = whole[i];
        for (u8 nasty : {0x00, 0x01, 0x07, 0x7f, 0x80, 0xff}) {
            whole[i] = nasty;
            check(Exact(whole).span());
        }
        whole[i] = old;
    }
}

}  // namespace tenon::test

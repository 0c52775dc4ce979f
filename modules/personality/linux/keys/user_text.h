// Strings of key calls.
#pragma once

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>

#include <memory>
#include <string_view>

#include "personality/linux/keys/store.h"

namespace tenon::personality::keys {

// A type's name. Error::fault, inval (empty or too long), perm (one that only the kernel has).
class TypeName {
  public:
    Result<void> read(u64 address) {
        TRY_ASSIGN(length_, mm::copy_string_from_user(text_, UserAddr{address}, Error::inval));
        if (length_ == 0) return Err(Error::inval);
        if (text_[0] == '.') return Err(Error::perm);
        return {};
    }
    std::string_view view() const { return {text_, length_}; }
    // Error::nokey.
    Result<const KeyType*> find() const {
        const KeyType* type = find_type(view());
        if (type == nullptr) return Err(Error::nokey);
        return type;
    }

  private:
    char text_[32] = {};
    usize length_ = 0;
};

// A description or a keyring's name: up to 4095 bytes.
class Text {
  public:
    // Error::fault, inval (too long), nomem.
    Result<void> read(u64 address) {
        text_.reset(new (std::nothrow) char[kRoom]);
        if (!text_) return Err(Error::nomem);
        TRY_ASSIGN(length_, mm::copy_string_from_user({text_.get(), kRoom}, UserAddr{address},
                                                      Error::inval));
        return {};
    }
    std::string_view view() const { return {text_.get(), length_}; }

  private:
    static constexpr usize kRoom = 4096;
    std::unique_ptr<char[]> text_;
    usize length_ = 0;
};

}  // namespace tenon::personality::keys

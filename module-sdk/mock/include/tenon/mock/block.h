// A disk that the module under test registered, as programs see it.
#pragma once

#include <tenon/block/block.h>
#include <tenon/mock/mock.h>

namespace tenon::mock {

class Disk {
  public:
    // By the name it was registered with. Looked up at each call: it may come and go.
    explicit Disk(std::string_view name) : name_(name) {}
    bool exists() const;
    u64 sectors() const;
    // Whole sectors. Until the driver answers, for which the clock runs; Error::timedout after the
    // time that it asked for, Error::nxio when there is no such disk.
    Result<std::string> read(u64 sector, u64 count) const;
    Result<void> write(u64 sector, std::string_view bytes) const;
    Result<void> flush() const;
    Result<void> discard(u64 sector, u64 count) const;

  private:
    std::string name_;
};

}  // namespace tenon::mock

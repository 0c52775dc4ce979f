// A .deb: its control files in memory (bounded), its data as a stream.  Spec: deb(5).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pkg/lib/archive.h"
#include "pkg/lib/deb822.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

struct ControlFile {
    std::string data;
    mode_t mode = 0644;
    int64_t mtime = 0;  // seconds since 1970
};

class DebFile {
  public:
    static Result<DebFile> open(const std::string& path);
    static Result<DebFile> open_memory(std::string_view data);
    // One that was open before a crash: `path` need not be there any more; no data to walk.
    static Result<DebFile> from_parts(std::string path, std::map<std::string, ControlFile> files);

    const std::string& path() const { return path_; }
    const Stanza& control() const { return control_; }
    const std::map<std::string, ControlFile>& files() const { return files_; }
    const std::string* file(const std::string& name) const;

    // Walks data.tar from its beginning; may be called again. Errors name the .deb.
    Status walk_data(EntrySink& sink) const;

  private:
    Result<ArReader> reopen() const;
    Status read_control();
    Status parse();

    std::string path_;
    std::string_view memory_;
    Stanza control_;
    std::map<std::string, ControlFile> files_;
};

}  // namespace tenon::pkg

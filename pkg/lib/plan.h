// What a .deb is going to do, learnt by walking all of it before anything is written.
//
// make_plan() is the checking half of an unpack: the whole data archive is decompressed once, every
// header, size, digest and name is looked at, and the result is a list of files. A truncated,
// damaged or hostile package ends here, with nothing touched. The archive is then walked a second
// time to write; the files' contents are never held in memory.
#pragma once

#include <string>
#include <vector>

#include "pkg/lib/deb_file.h"
#include "pkg/lib/package.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

struct PlannedFile {
    TarEntry entry;
    std::string md5;  // regular files only
    bool conffile = false;
};

// A line of the control file "conffiles".
struct ConffileLine {
    std::string path;
    bool remove_on_upgrade = false;
};

// A line of the control file "triggers".
struct TriggerLine {
    enum class Kind { interest, activate } kind;
    bool await = true;
    std::string name;  // an absolute path for a file trigger
};

struct Plan {
    Package package;
    std::vector<PlannedFile> files;  // in archive order
    std::vector<ConffileLine> conffiles;
    std::vector<TriggerLine> triggers;
    uint64_t total_bytes = 0;
};

// Where contents go while they are checked.
class ContentSink {
  public:
    // The regular file that is number `index` of the plan.
    virtual Status begin(size_t index, const TarEntry& entry) = 0;
    virtual Status write(const char* data, size_t len_bytes) = 0;
    virtual Status end() = 0;

  protected:
    ~ContentSink() = default;
};

Result<Plan> make_plan(const DebFile& deb, ContentSink* contents = nullptr);
// The halves of it that need no walk: what the control files say, and, when the list of files is
// there, which of them are conffiles.
Result<Plan> plan_of_control(const DebFile& deb);
Status mark_conffiles(Plan& plan);
Result<std::vector<TriggerLine>> parse_triggers_file(std::string_view text);
Result<std::vector<ConffileLine>> parse_conffiles_file(std::string_view text);
// "MD5  usr/bin/x" lines; paths come out as "/usr/bin/x".
Result<std::vector<std::pair<std::string, std::string>>> parse_md5sums(std::string_view text);

}  // namespace tenon::pkg

// Makes .deb files in memory: sound ones and every kind of unsound one.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

namespace tenon::pkg::test {

struct TarItem {
    std::string path;  // as it stands in the tar
    char type = 'f';   // f file, d directory, l symlink, h hard link, c character device, p fifo
    std::string data;  // contents, or the link's target
    mode_t mode = 0644;
    unsigned uid = 0, gid = 0;
};

enum class Compression { none, gzip, xz, zstd, bzip2, lzma };

struct DebSpec {
    std::string control;                               // the control file's text
    std::map<std::string, std::string> scripts;        // preinst ..., mode 0755
    std::map<std::string, std::string> control_files;  // conffiles, triggers, md5sums, mode 0644
    std::vector<TarItem> items;
    Compression control_compression = Compression::gzip;
    Compression data_compression = Compression::xz;
    std::string version_member = "2.0\n";
    std::vector<std::pair<std::string, std::string>> members_before_data, members_after_data;
};

std::string tar_of(const std::vector<TarItem>& items, Compression compression);
std::string ar_of(const std::vector<std::pair<std::string, std::string>>& members);
std::string deb_of(const DebSpec& spec);

// "Package: NAME ..." with the fields a package must have; `more` are further lines.
std::string control_text(const std::string& name, const std::string& version,
                         const std::string& more = "");
// Adds a file and the directories above it.
void add_file(DebSpec& spec, const std::string& path, const std::string& data, mode_t mode = 0644);

std::string write_temp(const std::string& dir, const std::string& name, const std::string& data);

}  // namespace tenon::pkg::test

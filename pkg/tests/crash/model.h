// What a file system may hold after the power went: a tree, the operations that a run did on it,
// and which of them had to be on disk at a given moment.
//
// The rules are POSIX's, which promise less than any real file system. An operation that nothing
// synced may have happened or not, each for itself: a rename without the creation of what it moves,
// a name without contents. syncfs makes all before it durable; fsync of a file its contents and
// attributes, not its name; fsync of a directory the names in it.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tenon::pkg::crash {

struct Node {
    mode_t mode = 0;  // with the type
    uid_t uid = 0;
    gid_t gid = 0;
    dev_t rdev = 0;
    std::string target;                          // of a symlink
    std::shared_ptr<const std::string> content;  // of a plain file
};

// Names to nodes; hard links are two names of one node. Paths begin with a slash; the root itself
// is not in it.
struct Tree {
    std::map<std::string, int> names;
    std::vector<Node> nodes;
    bool has_dir(const std::string& path) const;
};

struct Op {
    enum class Kind {
        create,
        link,
        unlink,
        rename,
        attributes,
        data,
        sync_all,
        sync_node,
        sync_dir
    };
    Kind kind;
    int node = -1;
    std::string path, to;
    Node after;  // create, attributes, data: what counts of it
};
const char* to_string(Op::Kind kind);

struct Recording {
    Tree base;
    std::vector<Op> ops;
    int exit_status = -1;
};

// `all`: the process was killed, the machine went on. `none`: what was not synced is gone.
// `random`: of what was not synced, any part. `names`: names survive up to some point in order,
// contents that were not synced do not: what journaling file systems do.
enum class Loss { all_kept, none_kept, random, names };
const char* to_string(Loss loss);

// The tree after a crash right before operation `at`. `heed_syncs` off: a disk that lies.
Tree crashed(const Recording& run, size_t at, Loss loss, std::mt19937& random,
             bool heed_syncs = true);

// Reads and writes real directories. Plain files that are large and as they were in `base_dir` are
// linked, not copied.
Tree load_tree(const std::string& dir, std::map<std::pair<dev_t, ino_t>, int>* inodes = nullptr);
void write_tree(const Tree& tree, const std::string& dir);

// path -> one line with type, mode, owner, target or contents; `left_out`: prefixes.
std::map<std::string, std::string> described(const Tree& tree,
                                             const std::vector<std::string>& left_out);

// Runs `argv` to its end and writes down what it and its children do below `dir`.
Recording record(const std::string& dir, const std::vector<std::string>& argv);

}  // namespace tenon::pkg::crash

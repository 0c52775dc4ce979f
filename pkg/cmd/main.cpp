// The pkg command: options, then one function a verb.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/text.h"

using namespace tenon::pkg;

static const char kHelp[] =
    "Usage: pkg [--root DIR] VERB [ARGUMENTS]\n"
    "\n"
    "  unpack FILE.deb...     unpack into the root, run nothing (how images are filled)\n"
    "  list                   the packages in the root\n"
    "  files NAME             the files of a package\n"
    "\n"
    "Options:\n"
    "  --root DIR             the root to work on (default /)\n"
    "  --ownership-file FILE  append who owns what; needed when not root\n"
    "  --help, --version\n";

int main(int argc, char** argv) {
    Options options;
    std::vector<std::string> words;
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        std::string_view a = argv[i];
        auto value = [&](std::string_view name, std::string& out) {
            if (a == name && i + 1 < argc) {
                out = argv[++i];
                return true;
            }
            if (a.size() > name.size() && a.starts_with(name) && a[name.size()] == '=') {
                out = a.substr(name.size() + 1);
                return true;
            }
            return false;
        };
        if (only_words || !a.starts_with('-') || a == "-") words.emplace_back(a);
        else if (a == "--") only_words = true;
        else if (value("--root", options.root) || value("--ownership-file", options.ownership_file))
            continue;
        else if (a == "--help" || a == "-h") return fputs(kHelp, stdout), 0;
        else {
            fprintf(stderr, "pkg: unknown option '%s' (pkg --help lists them)\n", argv[i]);
            return 2;
        }
    }
    if (words.empty()) return fputs(kHelp, stderr), 2;
    std::string verb = words.front();
    words.erase(words.begin());
    const Verb* v = find_verb(verb);
    if (!v) {
        fprintf(stderr, "pkg: unknown verb '%s' (pkg --help lists them)\n", verb.c_str());
        return 2;
    }
    if (Status s = v->run(options, words); !s) {
        fflush(stdout);
        fprintf(stderr, "pkg: %s\n", s.error().text.c_str());
        return 1;
    }
    return 0;
}

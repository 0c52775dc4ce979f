// The pkg command: options, then one function a verb.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pkg/cmd/dpkg_tools.h"
#include "pkg/cmd/verbs.h"
#include "pkg/lib/text.h"

using namespace tenon::pkg;

static const char kHelp[] =
    "Usage: pkg [OPTIONS] VERB [ARGUMENTS]\n"
    "\n"
    "  update                 fetch the lists of the repositories in /etc/apt,\n"
    "                         /etc/apk/repositories or /etc/yum.repos.d\n"
    "  install NAME...        install, with what they need; also NAME=VERSION, FILE.deb,\n"
    "                         FILE.apk and FILE.rpm; of Alpine's, NAME~VERSION and NAME@TAG\n"
    "  upgrade                bring all that is installed to its newest version\n"
    "  remove NAME...         remove; --purge takes the configuration files, too\n"
    "  autoremove             remove what came along with others and is needed no more\n"
    "  search WORD...         packages with these words in their name or description\n"
    "  why NAME               why is it installed\n"
    "  why-not NAME           what stands against installing it\n"
    "  hold|unhold NAME...    keep a package as it is\n"
    "  list                   the packages in the root\n"
    "  files NAME|FILE        the files of a package\n"
    "  info NAME|FILE         what a package says of itself (FILE: .deb, .rpm, .apk)\n"
    "  verify [NAME...]       which files are not as they were shipped\n"
    "  history [N]            what was done to the root; N: one transaction, in detail\n"
    "  undo N                 bring back the versions from before that transaction\n"
    "  repair [NAME...]       finish what was interrupted; install damaged packages again\n"
    "  verify-file FILE...    is this .rpm, .apk, or index of .apk, whole and signed by a key "
    "that\n"
    "                         is trusted\n"
    "  unpack FILE.deb...     unpack only, run nothing (how images are filled)\n"
    "  configure [NAME...]    configure what is unpacked\n"
    "\n"
    "  --root DIR             work on this root (default /)\n"
    "  --dry-run              say what would be done, and do nothing\n"
    "  --download-only        fetch into /var/cache/pkg/archives, install nothing\n"
    "  --no-recommends        leave out what is only recommended\n"
    "  --from DIR             take the .deb and .apk files in DIR for a repository, too\n"
    "  --yes                  go on although packages are removed that were not named\n"
    "  --purge                what is removed loses its configuration files, too\n"
    "  --allow-untrusted      install .apk files that no trusted key has signed\n"
    "  --initdb               make the root one of the family of these .apk or .rpm files: they "
    "go\n"
    "                         into it, not into a prefix of their own\n"
    "  --keys DIR             trust the public keys in DIR, not those of the root (etc/apk/keys,\n"
    "                         etc/pki/rpm-gpg)\n"
    "  --archives DIR         where to look for needed packages, inside the root\n"
    "  --force-confnew        where you and a package both changed a configuration file: theirs\n"
    "  --force-confold        likewise: yours\n"
    "  --force-depends        go on although a dependency is not met\n"
    "  --force-remove-essential\n"
    "  --json                 print one JSON object, and nothing else, to standard output\n"
    "  --ownership-file FILE  with unpack: append who owns what; needed when not root\n"
    "  --help, --version\n";

int main(int argc, char** argv) {
    if (Tool tool = argc > 0 ? find_tool(argv[0]) : nullptr) {
        auto status = tool(Words(argv + 1, argv + argc));
        if (status) return *status;
        fflush(stdout);
        fprintf(stderr, "%s: error: %s\n", argv[0], status.error().text.c_str());
        return 2;
    }
    Options options;
    std::vector<std::string> words;
    bool only_words = false, json = false;
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
        if (only_words || !a.starts_with('-') || a == "-")
            words.emplace_back(a);
        else if (a == "--")
            only_words = true;
        else if (value("--root", options.root) || value("--ownership-file", options.ownership_file))
            continue;
        else if (value("--archives", options.engine.archives) || value("--keys", options.keys))
            continue;
        else if (std::string directory; value("--from", directory))
            options.from.push_back(directory);
        else if (a == "--dry-run" || a == "-n")
            options.dry_run = true;
        else if (a == "--download-only")
            options.download_only = true;
        else if (a == "--json")
            json = true;
        else if (a == "--yes" || a == "-y")
            options.yes = true;
        else if (a == "--no-recommends")
            options.recommends = false;
        else if (a == "--allow-untrusted")
            options.allow_untrusted = true;
        else if (a == "--initdb")
            options.initdb = true;
        else if (a == "--purge")
            options.purge = Purge::yes;
        else if (a == "--force-confnew")
            options.engine.conffiles = ConffilePolicy::take_new;
        else if (a == "--force-confold")
            options.engine.conffiles = ConffilePolicy::keep_old;
        else if (a == "--force-depends")
            options.engine.ignore_depends = true;
        else if (a == "--force-remove-essential")
            options.engine.remove_essential = true;
        else if (a == "--version")
            return puts("pkg 0.1 (Tenon)"), 0;
        else if (a == "--help" || a == "-h")
            return fputs(kHelp, stdout), 0;
        else {
            fprintf(stderr, "pkg: unknown option '%s' (pkg --help lists them)\n", argv[i]);
            return 2;
        }
    }
    if (words.empty()) return fputs(kHelp, stderr), 2;
    options.engine.command = join(words, " ");
    std::string verb = words.front();
    words.erase(words.begin());
    const Verb* v = find_verb(verb);
    if (!v) {
        fprintf(stderr, "pkg: unknown verb '%s' (pkg --help lists them)\n", verb.c_str());
        return 2;
    }
    Report report;
    Status s;
    if (json) {
        s = report.begin(v->effect == Effect::looks ? Report::Others::unseen
                                                    : Report::Others::to_stderr);
        options.report = &report;
    }
    if (s) s = run_verb(*v, options, words);
    if (json) report.print(v->name, s);
    if (!s) {
        fflush(stdout);
        fprintf(stderr, "pkg: %s\n", s.error().text.c_str());
        return 1;
    }
    return 0;
}

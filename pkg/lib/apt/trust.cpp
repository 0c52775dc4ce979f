#include "pkg/lib/apt/trust.h"

#include <errno.h>
#include <stdio.h>

#include "pkg/lib/hash.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apt {

namespace {

Status add_trusted(Root& root, openpgp::Keyring& keys) {
    std::vector<std::string> paths = {"/etc/apt/trusted.gpg"};
    auto names = root.list("/etc/apt/trusted.gpg.d");
    if (!names && names.error().code != ENOENT) return std::unexpected(names.error());
    if (names)
        for (const auto& n : *names)
            if (!n.starts_with('.') && (n.ends_with(".gpg") || n.ends_with(".asc")))
                paths.push_back("/etc/apt/trusted.gpg.d/" + n);
    for (const auto& path : paths) {
        TRY_SET(auto data, root.read_if_there(path));
        if (!data || data->empty()) continue;
        if (Status s = keys.add(*data); !s)
            fprintf(stderr, "pkg: warning: %s: %s\n", path.c_str(), s.error().text.c_str());
    }
    return {};
}

// An embedded key block as deb822 writes it: each line behind a blank, empty ones as a dot.
std::string unfold(std::string_view field) {
    std::string out;
    for (std::string_view line : split_lines(field)) {
        line = trim(line);
        if (line != ".") out += line;
        out += '\n';
    }
    return out;
}

}  // namespace

Result<openpgp::Keyring> keys_for(Root& root, const Source& source) {
    openpgp::Keyring keys;
    if (source.signed_by.empty()) {
        TRY(add_trusted(root, keys));
        return keys;
    }
    if (source.signed_by.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
        TRY(keys.add(unfold(source.signed_by)));
        return keys;
    }
    std::vector<std::string> fingerprints;
    bool any_file = false;
    for (std::string_view word : split_words(source.signed_by)) {
        if (word.starts_with('/')) {
            any_file = true;
            TRY_SET(auto data, root.read_if_there(word));
            if (!data) return fail("the key file %s is not there", std::string(word).c_str());
            if (Status s = keys.add(*data); !s)
                return std::unexpected(std::move(s.error()).in(std::string(word)));
            continue;
        }
        if (word.ends_with(',')) word.remove_suffix(1);
        if (word.ends_with('!')) word.remove_suffix(1);
        std::string raw;
        if (!from_hex(word, raw) || (raw.size() != 20 && raw.size() != 32))
            return fail("Signed-By: '%s' is neither a path nor a fingerprint",
                        std::string(word).c_str());
        fingerprints.push_back(raw);
    }
    if (!any_file) TRY(add_trusted(root, keys));
    return fingerprints.empty() ? std::move(keys) : keys.only(fingerprints);
}

}  // namespace tenon::pkg::apt

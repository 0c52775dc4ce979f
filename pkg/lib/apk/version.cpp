#include "pkg/lib/apk/version.h"

#include <algorithm>

#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

// The order of the kinds matters: where two versions go on with different kinds of part, the kind
// further down is the lesser version, except for the suffixes of a pre-release.
enum class Part {
    first_number,
    number,
    letter,
    suffix,
    suffix_number,
    commit_hash,
    revision,
    end,
    invalid,
};

constexpr std::string_view kSuffixes[] = {"alpha", "beta", "pre", "rc", "",
                                          "cvs",   "svn",  "git", "hg", "p"};
constexpr int kNoSuffix = 4;

int sign(int n) {
    return n < 0 ? -1 : n > 0;
}

// Numbers of any length.
int compare_numbers(std::string_view a, std::string_view b) {
    a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return sign(a.compare(b));
}

class Parts {
  public:
    explicit Parts(std::string_view text) : rest_(text) {
        part_ = Part::first_number;
        take_number();
    }

    Part part() const { return part_; }
    bool at_end() const { return part_ == Part::end; }
    bool ended() const { return part_ >= Part::end; }
    bool before_release() const { return part_ == Part::suffix && suffix_ < kNoSuffix; }

    void next() {
        if (rest_.empty()) {
            part_ = Part::end;
            return;
        }
        char c = rest_[0];
        if (c >= 'a' && c <= 'z') {
            if (part_ > Part::number) return stop();
            part_ = Part::letter;
            value_ = rest_.substr(0, 1);
            rest_.remove_prefix(1);
        } else if (c == '.') {
            if (part_ > Part::number) return stop();
            rest_.remove_prefix(1);
            part_ = Part::number;
            take_number();
        } else if (is_digit(c)) {
            if (part_ != Part::suffix) return stop();
            part_ = Part::suffix_number;
            take_number();
        } else if (c == '_') {
            if (part_ > Part::suffix_number) return stop();
            rest_.remove_prefix(1);
            take([](char x) { return x >= 'a' && x <= 'z'; });
            auto known = std::find(std::begin(kSuffixes), std::end(kSuffixes), value_);
            if (value_.empty() || known == std::end(kSuffixes)) return stop();
            suffix_ = static_cast<int>(known - std::begin(kSuffixes));
            part_ = Part::suffix;
        } else if (c == '~') {
            if (part_ >= Part::commit_hash) return stop();
            rest_.remove_prefix(1);
            take([](char x) { return is_digit(x) || (x >= 'a' && x <= 'f'); });
            part_ = value_.empty() ? Part::invalid : Part::commit_hash;
        } else if (rest_.starts_with("-r")) {
            if (part_ >= Part::revision) return stop();
            rest_.remove_prefix(2);
            part_ = Part::revision;
            take_number();
        } else {
            stop();
        }
    }

    // Both are of the same kind.
    int compare(const Parts& other) const {
        switch (part_) {
            case Part::number:
                // A leading zero makes it a fraction: 1.05 is before 1.4.
                if (value_[0] == '0' || other.value_[0] == '0')
                    return sign(value_.compare(other.value_));
                [[fallthrough]];
            case Part::first_number:
            case Part::suffix_number:
            case Part::revision:
                return compare_numbers(value_, other.value_);
            case Part::suffix:
                return sign(suffix_ - other.suffix_);
            default:
                return sign(value_.compare(other.value_));
        }
    }

  private:
    template <class Accept>
    void take(Accept accept) {
        size_t n = 0;
        while (n < rest_.size() && accept(rest_[n])) n++;
        value_ = rest_.substr(0, n);
        rest_.remove_prefix(n);
    }
    void take_number() {
        take(is_digit);
        if (value_.empty()) stop();
    }
    void stop() { part_ = Part::invalid; }

    std::string_view rest_, value_;
    Part part_ = Part::invalid;
    int suffix_ = kNoSuffix;
};

int compare(std::string_view a_text, std::string_view b_text, bool fuzzy) {
    Parts a(a_text), b(b_text);
    for (; a.part() == b.part() && !a.ended(); a.next(), b.next())
        if (int order = a.compare(b)) return order;
    if (a.part() == b.part()) return 0;
    if (fuzzy && b.at_end()) return 0;
    if (a.before_release()) return -1;
    if (b.before_release()) return 1;
    return a.part() > b.part() ? -1 : 1;
}

}  // namespace

bool valid_version(std::string_view text) {
    Parts parts(text);
    while (!parts.ended()) parts.next();
    return parts.at_end();
}

int compare_versions(std::string_view a, std::string_view b) {
    return compare(a, b, false);
}

bool fuzzy_match(std::string_view have, std::string_view wanted) {
    return compare(have, wanted, true) == 0;
}

unsigned parse_match(std::string_view op) {
    unsigned match = kMatchNone;
    for (char c : op) {
        switch (c) {
            case '<':
                match |= kMatchLess;
                break;
            case '>':
                match |= kMatchGreater;
                break;
            case '=':
                match |= kMatchEqual;
                break;
            case '~':
                match |= kMatchEqual | kMatchFuzzy;
                break;
            default:
                return kMatchNone;
        }
    }
    return match;
}

const char* match_text(unsigned match) {
    switch (match) {
        case kMatchLess:
            return "<";
        case kMatchLess | kMatchEqual:
            return "<=";
        case kMatchLess | kMatchEqual | kMatchFuzzy:
            return "<~";
        case kMatchEqual | kMatchFuzzy:
            return "~";
        case kMatchEqual:
            return "=";
        case kMatchGreater | kMatchEqual:
            return ">=";
        case kMatchGreater | kMatchEqual | kMatchFuzzy:
            return ">~";
        case kMatchGreater:
            return ">";
        case kMatchChecksum:
            return "><";
        default:
            return "";
    }
}

bool version_matches(std::string_view have, unsigned match, std::string_view wanted) {
    if ((match & kMatchAny) == kMatchAny) return true;
    int order = compare(have, wanted, match & kMatchFuzzy);
    return match & (order < 0 ? kMatchLess : order > 0 ? kMatchGreater : kMatchEqual);
}

}  // namespace tenon::pkg::apk

#include "pkg/lib/rpm/repository.h"

#include <expat.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

constexpr int64_t kMaxTokenBytes = 1024 * 1024;      // of a tag, a comment, an element's text
constexpr int64_t kMaxUnitBytes = 64 * 1024 * 1024;  // of an element below the root: a package
constexpr uint64_t kMaxFileBytes = uint64_t{8} << 30;
constexpr size_t kMaxDepth = 16;

// The attributes of an element.
class Attributes {
  public:
    explicit Attributes(const XML_Char** pairs) : pairs_(pairs) {}
    std::string_view get(std::string_view name) const {
        for (const XML_Char** p = pairs_; *p; p += 2)
            if (name == *p) return p[1];
        return {};
    }
    uint64_t number(std::string_view name) const {
        unsigned long long v = 0;
        return parse_u64(get(name), v) ? v : 0;
    }

  private:
    const XML_Char** pairs_;
};

// One kind of document. Names are without their namespace's prefix; `path_` holds the elements that
// are open. What expat would keep in memory, or look at again with each block, is bounded here.
class Handler {
  public:
    virtual ~Handler() = default;
    virtual Status open(std::string_view name, const Attributes& attributes) = 0;
    virtual Status close(std::string_view name, std::string_view text) = 0;

    Status parse(ByteStream& xml) {
        parser_.reset(XML_ParserCreate(nullptr));
        if (!parser_) return fail("no memory to read XML");
        XML_SetUserData(parser_.get(), this);
        XML_SetElementHandler(parser_.get(), on_open, on_close);
        XML_SetCharacterDataHandler(parser_.get(), on_text);
        XML_SetStartDoctypeDeclHandler(parser_.get(), on_doctype);
        char block[32 * 1024];
        int64_t fed_bytes = 0;
        for (;;) {
            TRY_SET(size_t n, xml.read(block, sizeof(block)));
            bool good =
                XML_Parse(parser_.get(), block, static_cast<int>(n), n == 0) == XML_STATUS_OK;
            if (!status_) return status_;
            if (!good)
                return fail("line %lu: %s", XML_GetCurrentLineNumber(parser_.get()),
                            XML_ErrorString(XML_GetErrorCode(parser_.get())));
            if (n == 0) return {};
            // The place of the token that is not whole yet; -1 in the prolog.
            fed_bytes += static_cast<int64_t>(n);
            if (fed_bytes - at() > kMaxTokenBytes) return fail("a part of it is too long");
        }
    }

  protected:
    // The element around the one at hand; "" at the root.
    std::string_view parent() const {
        return path_.size() < 2 ? std::string_view() : path_[path_.size() - 2];
    }

  private:
    struct Free {
        void operator()(XML_Parser p) const { XML_ParserFree(p); }
    };

    int64_t at() const { return XML_GetCurrentByteIndex(parser_.get()); }
    // Expat may still call back after this.
    void stop(Status s) {
        if (status_) status_ = std::move(s);
        XML_StopParser(parser_.get(), XML_FALSE);
    }
    static std::string_view local(const XML_Char* name) {
        const char* colon = strchr(name, ':');
        return colon ? colon + 1 : name;
    }
    static void on_open(void* self, const XML_Char* name, const XML_Char** attributes) {
        auto* me = static_cast<Handler*>(self);
        if (!me->status_) return;
        if (me->path_.size() >= kMaxDepth) return me->stop(fail("elements are nested too deeply"));
        if (me->path_.size() == 1) me->unit_start_ = me->at();
        if (me->at() - me->unit_start_ > kMaxUnitBytes)
            return me->stop(fail("a part of it is too long"));
        me->path_.emplace_back(local(name));
        me->text_.clear();
        if (Status s = me->open(local(name), Attributes(attributes)); !s) me->stop(s);
    }
    static void on_close(void* self, const XML_Char* name) {
        auto* me = static_cast<Handler*>(self);
        if (!me->status_) return;
        if (Status s = me->close(local(name), me->text_); !s) return me->stop(s);
        me->path_.pop_back();
        me->text_.clear();
    }
    static void on_text(void* self, const XML_Char* text, int len) {
        auto* me = static_cast<Handler*>(self);
        if (!me->status_) return;
        if (me->text_.size() + static_cast<size_t>(len) > kMaxTokenBytes)
            return me->stop(fail("a part of it is too long"));
        me->text_.append(text, static_cast<size_t>(len));
    }
    static void on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        static_cast<Handler*>(self)->stop(fail("a document type has no place in metadata"));
    }

    std::unique_ptr<std::remove_pointer_t<XML_Parser>, Free> parser_;
    std::vector<std::string> path_;
    std::string text_;
    int64_t unit_start_ = 0;
    Status status_;
};

Checksum checksum_of(std::string_view type) {
    Checksum c;
    if (type == "md5") c.algorithm = HashAlgorithm::md5;
    if (type == "sha" || type == "sha1") c.algorithm = HashAlgorithm::sha1;
    if (type == "sha224") c.algorithm = HashAlgorithm::sha224;
    if (type == "sha256") c.algorithm = HashAlgorithm::sha256;
    if (type == "sha384") c.algorithm = HashAlgorithm::sha384;
    if (type == "sha512") c.algorithm = HashAlgorithm::sha512;
    return c;
}

// A location below the repository, without a leading slash.
Result<std::string> clean_href(std::string_view href) {
    TRY_SET(std::string path, clean_path(href));
    if (path == "/.") return fail("a location is empty");
    return path.substr(1);
}

Result<SenseFlags> sense_of(std::string_view flags) {
    if (flags.empty()) return 0;
    if (flags == "LT") return kLess;
    if (flags == "LE") return kLess | kEqual;
    if (flags == "EQ") return kEqual;
    if (flags == "GE") return kGreater | kEqual;
    if (flags == "GT") return kGreater;
    return fail("a comparison is not known");
}

Result<Evr> evr_of(const Attributes& a) {
    unsigned long long epoch = 0;
    std::string_view text = a.get("epoch");
    if (!text.empty() && (!parse_u64(text, epoch) || epoch > UINT32_MAX))
        return fail("an epoch is not a number");
    return Evr{epoch == 0 ? "" : std::to_string(epoch), std::string(a.get("ver")),
               std::string(a.get("rel"))};
}

PackageKind kind_of(std::string_view arch) {
    return arch == "src" || arch == "nosrc" ? PackageKind::source : PackageKind::binary;
}

class RepomdHandler final : public Handler {
  public:
    Status open(std::string_view name, const Attributes& a) override {
        if (name == "data") {
            if (out.files.size() >= 1000) return fail("too many files");
            out.files.emplace_back();
            out.files.back().type = a.get("type");
        } else if (!out.files.empty() && parent() == "data") {
            RepositoryFile& f = out.files.back();
            if (name == "checksum") f.checksum = checksum_of(a.get("type"));
            if (name == "open-checksum") f.open_checksum = checksum_of(a.get("type"));
            if (name == "location") {
                TRY_SET(f.href, clean_href(a.get("href")));
            }
        }
        return {};
    }
    Status close(std::string_view name, std::string_view text) override {
        if (name == "revision") out.revision = trim(text);
        if (out.files.empty() || parent() != "data") return {};
        RepositoryFile& f = out.files.back();
        unsigned long long number = 0;
        // Times may have a fraction.
        bool is_number = parse_u64(trim(text.substr(0, text.find('.'))), number);
        if (!is_number && (name == "size" || name == "open-size" || name == "timestamp"))
            return fail("a number cannot be read");
        if (name == "checksum") f.checksum.hex = trim(text);
        if (name == "open-checksum") f.open_checksum.hex = trim(text);
        if (name == "size") f.size_bytes = number;
        if (name == "open-size") f.open_size_bytes = number;
        if (name == "timestamp") f.timestamp = number;
        return {};
    }
    Repomd out;
};

class PrimaryHandler final : public Handler {
  public:
    explicit PrimaryHandler(const PackageCallback& each) : each_(each) {}

    Status open(std::string_view name, const Attributes& a) override {
        Package& p = at_.package;
        if (name == "package") {
            at_ = {};
        } else if (parent() == "package") {
            if (name == "version") {
                TRY_SET(p.evr, evr_of(a));
            } else if (name == "checksum") {
                at_.checksum = checksum_of(a.get("type"));
            } else if (name == "location") {
                TRY_SET(at_.href, clean_href(a.get("href")));
            } else if (name == "size") {
                at_.size_bytes = a.number("package");
                p.installed_bytes = a.number("installed");
            } else if (name == "time") {
                p.build_time = a.number("build");
            }
        } else if (name == "entry") {
            return relation(a);
        } else if (name == "file") {
            ghost_ = a.get("type") == "ghost";
            directory_ = a.get("type") == "dir";
        }
        return {};
    }

    Status close(std::string_view name, std::string_view text) override {
        Package& p = at_.package;
        if (name == "package") {
            TRY(check_identity(p));
            if (at_.href.empty()) return fail("%s has no location", p.name.c_str());
            return each_(std::exchange(at_, {}));
        }
        if (parent() == "package") {
            if (name == "name") p.name = text;
            if (name == "arch") {
                p.arch = text;
                p.is_source = kind_of(text) == PackageKind::source;
            }
            if (name == "summary") p.summary = text;
            if (name == "description") p.description = text;
            if (name == "packager") p.packager = text;
            if (name == "url") p.url = text;
            if (name == "checksum") at_.checksum.hex = trim(text);
        } else if (parent() == "format") {
            if (name == "license") p.license = text;
            if (name == "vendor") p.vendor = text;
            if (name == "group") p.group = text;
            if (name == "buildhost") p.build_host = text;
            if (name == "sourcerpm") p.source_rpm = text;
            if (name == "file") {
                if (p.files.size() >= kMaxFiles)
                    return fail("%s has too many files", p.name.c_str());
                File f;
                TRY_SET(f.path, clean_file_path(text, kind_of(p.arch)));
                f.mode = directory_ ? S_IFDIR : S_IFREG;
                f.flags = ghost_ ? kFileGhost : 0;
                p.files.push_back(std::move(f));
            }
        }
        return {};
    }

  private:
    Status relation(const Attributes& a) {
        Package& p = at_.package;
        static constexpr struct {
            std::string_view name;
            std::vector<Relation> Package::*list;
        } kLists[] = {
            {"provides", &Package::provides},       {"requires", &Package::requirements},
            {"conflicts", &Package::conflicts},     {"obsoletes", &Package::obsoletes},
            {"recommends", &Package::recommends},   {"suggests", &Package::suggests},
            {"supplements", &Package::supplements}, {"enhances", &Package::enhances},
        };
        for (const auto& l : kLists) {
            if (parent() != l.name) continue;
            auto& list = p.*l.list;
            if (list.size() >= kMaxRelations)
                return fail("%s has too many relations", p.name.c_str());
            Relation r{std::string(a.get("name")), 0, ""};
            TRY_SET(r.flags, sense_of(a.get("flags")));
            TRY(check_relation(r, l.list));
            if (r.flags & kComparison) {
                TRY_SET(Evr evr, evr_of(a));
                r.evr = evr.str();
            }
            if (a.get("pre") == "1") r.flags |= kPreNeed;
            list.push_back(std::move(r));
        }
        return {};
    }

    const PackageCallback& each_;
    RepositoryPackage at_;
    bool ghost_ = false, directory_ = false;
};

class FileListHandler final : public Handler {
  public:
    explicit FileListHandler(const FileListCallback& each) : each_(each) {}

    Status open(std::string_view name, const Attributes& a) override {
        if (name == "package") {
            at_ = {};
            entries_ = 0;
            at_.package_id = a.get("pkgid");
            at_.name = a.get("name");
            at_.arch = a.get("arch");
            if (at_.package_id.empty()) return fail("a package has no identifier");
        } else if (name == "version") {
            TRY_SET(at_.evr, evr_of(a));
        } else if (name == "file") {
            std::string_view type = a.get("type");
            to_ = type == "dir" ? &at_.directories : type == "ghost" ? &at_.ghosts : &at_.files;
        }
        return {};
    }
    Status close(std::string_view name, std::string_view text) override {
        if (name == "package") return each_(std::exchange(at_, {}));
        if (name != "file") return {};
        if (++entries_ > kMaxFiles) return fail("%s has too many files", at_.name.c_str());
        TRY_SET(std::string path, clean_file_path(text, kind_of(at_.arch)));
        to_->push_back(std::move(path));
        return {};
    }

  private:
    const FileListCallback& each_;
    FileList at_;
    std::vector<std::string>* to_ = nullptr;  // set where a file begins
    size_t entries_ = 0;
};

Result<Filter> filter_of_href(std::string_view href) {
    if (href.ends_with(".xml")) return Filter::none;
    if (href.ends_with(".gz")) return Filter::gzip;
    if (href.ends_with(".xz")) return Filter::xz;
    if (href.ends_with(".zst")) return Filter::zstd;
    if (href.ends_with(".bz2")) return Filter::bzip2;
    return fail("its compression is not known");
}

// Counts what passes and refuses more than was announced; 0: nothing was.
class BoundedStream final : public ByteStream {
  public:
    BoundedStream(ByteStream& lower, uint64_t stated_bytes)
        : lower_(lower),
          stated_(stated_bytes != 0),
          left_(stated_ ? std::min(stated_bytes, kMaxFileBytes) : kMaxFileBytes) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override {
        TRY_SET(size_t n, lower_.read(buffer, len_bytes));
        if (n > left_)
            return fail(stated_ ? "it is longer than repomd.xml says" : "it is too long");
        left_ -= n;
        if (n == 0 && len_bytes != 0 && stated_ && left_ != 0)
            return fail("it is shorter than repomd.xml says");
        return n;
    }

  private:
    ByteStream& lower_;
    const bool stated_;
    uint64_t left_;
};

}  // namespace

Result<Repomd> Repomd::parse(ByteStream& xml) {
    RepomdHandler h;
    if (Status s = h.parse(xml); !s) return std::unexpected(std::move(s.error()).in("repomd.xml"));
    return std::move(h.out);
}

const RepositoryFile* Repomd::file(std::string_view type) const {
    for (const RepositoryFile& f : files)
        if (f.type == type) return &f;
    return nullptr;
}

Status read_primary(ByteStream& xml, const PackageCallback& each) {
    return PrimaryHandler(each).parse(xml);
}

Status read_filelists(ByteStream& xml, const FileListCallback& each) {
    return FileListHandler(each).parse(xml);
}

Status read_repository_file(ByteStream& compressed, const RepositoryFile& about,
                            const std::function<Status(ByteStream&)>& read) {
    auto work = [&]() -> Status {
        if (!about.checksum.algorithm || *about.checksum.algorithm == HashAlgorithm::md5)
            return fail("repomd.xml states no checksum that protects it");
        BoundedStream bounded(compressed, about.size_bytes);
        Hash hash(*about.checksum.algorithm);
        HashingStream hashed(bounded, {&hash});
        TRY_SET(Filter filter, filter_of_href(about.href));
        TRY_SET(auto plain, decompress(hashed, filter));
        BoundedStream open(*plain, about.open_size_bytes);
        Status done = read(open);
        TRY(hashed.drain());
        // A wrong checksum says more than what the parser stumbled over.
        if (to_hex(hash.finish()) != about.checksum.hex)
            return fail("its checksum is not the one in repomd.xml");
        return done;
    };
    Status s = work();
    if (!s) return std::unexpected(std::move(s.error()).in(about.href));
    return {};
}

}  // namespace tenon::pkg::rpm

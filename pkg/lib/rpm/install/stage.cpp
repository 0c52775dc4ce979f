// Run: what is staged of a package, and the transaction around the work.
#include "pkg/lib/stage.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#include <algorithm>

#include "pkg/lib/rpm/install/capabilities.h"
#include "pkg/lib/rpm/install/checkpoint.h"
#include "pkg/lib/rpm/install/placement.h"
#include "pkg/lib/rpm/install/run.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

// The contents of plain files, into the stage.
class StageSink final : public EntrySink {
  public:
    StageSink(Stage stage, const std::vector<PlannedFile>& files, const Package& package)
        : stage_(std::move(stage)), files_(files), package_(package) {}

    Status entry(const TarEntry& e, EntryData& data) override {
        if (e.type != FileType::regular) return {};
        // The contents of hard links belong to the first of them.
        const int set = package_.files[e.file_index].link_set;
        const size_t at =
            set < 0 ? e.file_index : package_.link_sets[static_cast<size_t>(set)].front();
        TRY(stage_.begin(at, files_[at].entry));
        char block[64 * 1024];
        for (;;) {
            TRY_SET(size_t n, data.read(block, sizeof(block)));
            if (n == 0) break;
            TRY(stage_.write(block, n));
        }
        return stage_.end();
    }

  private:
    Stage stage_;
    const std::vector<PlannedFile>& files_;
    const Package& package_;
};

// What `uname -m` of this machine can run.
constexpr const char* kArchitectures[] = {"noarch", "x86_64", "amd64", "ia32e", "x86_64_v2",
                                          "i686",   "i586",   "i486",  "i386",  "athlon"};

bool is_one_of(const auto& list, std::string_view word) {
    return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// A file gets its place under a longer name first.
constexpr size_t kMaxNameBytes = 255 - sizeof(";pkg-new") + 1;

// A file below something of the package's own that is no directory; a name that is too long.
Status check_paths(const Package& p) {
    std::set<std::string_view> plain;
    for (const File& f : p.files)
        if (f.path.size() - f.path.rfind('/') - 1 > kMaxNameBytes)
            return fail("the name of '%s' is too long", f.path.c_str());
    for (const File& f : p.files)
        if (!S_ISDIR(f.mode) && !(f.flags & kFileGhost)) plain.insert(f.path);
    for (const File& f : p.files)
        for (size_t at = f.path.find('/', 1); at != std::string::npos;
             at = f.path.find('/', at + 1))
            if (plain.contains(std::string_view(f.path).substr(0, at)))
                return fail("'%s' lies below '%s', which the package makes no directory",
                            f.path.c_str(), f.path.substr(0, at).c_str());
    return {};
}

}  // namespace

Run::Run(Root& root, const InstallOptions& options) : root_(root), options_(options), keys_(root) {}

Run::~Run() {
    bool unused = transaction_ && !transaction_->has_begun();
    transaction_.reset();
    if (unused)
        for (auto it = made_dirs_.rbegin(); it != made_dirs_.rend(); ++it) (void)root_.rmdir(*it);
}

Status Run::judge_file(const RpmFile& file) const {
    const Package& p = file.package();
    if (p.is_source) return fail("it is a source package");
    if (!file.header().has_region())
        return fail("it is a package of rpm 3's making, without an immutable region");
    if (!options_.ignore_arch && !is_one_of(kArchitectures, p.arch))
        return fail("it is for another architecture (%s)", p.arch.c_str());
    std::string os = p.os;
    for (char& c : os)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (!options_.ignore_os && os != "linux")
        return fail("it is for another operating system (%s)", p.os.c_str());
    for (const File& f : p.files)
        if (!f.capabilities.empty()) TRY(capability_xattr(f.capabilities));
    if (options_.run_scripts) {
        for (const Scriptlet& s : p.scriptlets)
            if (std::string why = ScriptHost::unsupported(s.script);
                s.kind != ScriptKind::verify && !why.empty())
                return fail("its %%%s cannot be run: %s", to_string(s.kind), why.c_str());
        for (const Trigger& t : p.triggers)
            if (std::string why = ScriptHost::unsupported(t.script); !why.empty())
                return fail("a trigger of it cannot be run: %s", why.c_str());
    }
    return check_paths(p);
}

Status Run::stage(const std::string& path) {
    TRY_SET(RpmFile file, RpmFile::open(path));
    auto named = [&](Status s) -> Status {
        if (!s) return std::unexpected(std::move(s.error()).in(path));
        return {};
    };
    TRY(named(judge_file(file)));
    auto e = std::make_unique<Element>();
    e->stage = elements_.size();
    e->source = path;
    const std::string dir = transaction_->stage_dir(e->stage);
    TRY_SET(Stage stage, Stage::create(root_, dir));
    TRY_SET(auto files, planned_files(file.package()));
    StageSink sink(std::move(stage), files, file.package());
    TRY_SET(Verdict verdict, file.verify(options_.keys ? *options_.keys : no_keys_, sink));
    if (!verdict.damage.empty())
        return fail("%s is damaged: %s", path.c_str(), verdict.damage.c_str());
    for (const Check& c : verdict.checks)
        if (c.is_signature && c.state == CheckState::bad)
            return fail("%s: the %s is not good: %s", path.c_str(), c.what.c_str(), c.text.c_str());
    if (options_.require_signature) {
        if (!verdict.is_signed) return fail("%s is not signed", path.c_str());
        if (!verdict.distrust.empty())
            return fail("%s is not trusted: %s", path.c_str(), verdict.distrust.c_str());
    } else if (!verdict.distrust.empty()) {
        report_.warnings.push_back(path + ": " + verdict.distrust);
    }
    e->header = file.header();
    e->signatures = file.signature_header();
    e->package = file.package();
    for (std::string_view p : e->header->strings(tag::kPrefixes)) e->prefixes.emplace_back(p);
    elements_.push_back(std::move(e));
    return {};
}

Status Run::save_element(const Element& e) {
    const std::string dir = transaction_->stage_dir(e.stage);
    if (e.is_install()) {
        TRY(root_.write_file(dir + "/header", e.header->raw()));
        TRY(root_.write_file(dir + "/signatures", e.signatures->raw()));
    } else {
        TRY(root_.remove_tree(dir));
        TRY(root_.mkdir(dir, 0700));
    }
    std::string letters;
    for (FileAction a : e.actions) letters += static_cast<char>(a);
    if (e.is_install()) {
        TRY_SET(auto files, planned_files(e.package));
        Accounts accounts;
        RpmPlacement placement(root_, e, accounts);
        Extractor x(root_, label(e.package), files, placement, geteuid() == 0, nullptr);
        TRY(x.check());
        TRY(x.save_new_dirs(dir));
    }
    return root_.write_file(dir + "/actions", letters);
}

Status Run::load_element(Element& e) {
    const std::string dir = transaction_->stage_dir(e.stage);
    if (e.is_install()) {
        TRY_SET(std::string header, root_.read_file(dir + "/header"));
        TRY_SET(std::string signatures, root_.read_file(dir + "/signatures"));
        TRY_SET(e.header, Header::parse(std::move(header), HeaderKind::main));
        TRY_SET(e.signatures, Header::parse(std::move(signatures), HeaderKind::signature));
        TRY_SET(e.package, Package::from_header(*e.header));
        for (std::string_view p : e.header->strings(tag::kPrefixes)) e.prefixes.emplace_back(p);
    }
    TRY_SET(std::string letters, root_.read_file(dir + "/actions"));
    for (char c : letters) e.actions.push_back(static_cast<FileAction>(c));
    if (e.actions.size() != e.package.files.size())
        return fail("%s/actions is damaged", dir.c_str());
    return {};
}

Status Run::save(Phase phase) {
    constexpr const char* kPhases[] = {"act", "after", "done"};
    std::string out = format("phase %s\n", kPhases[static_cast<int>(phase)]);
    out += format("options %d %u %u\n", options_.run_scripts, options_.script_limit_s, tid_);
    RpmCheckpoint::Changes changes{tid_, {}, {}};
    for (size_t i : order_) {
        const Element& e = *elements_[i];
        auto number = static_cast<unsigned long long>(e.number);
        // Numbers as they are in the database that this checkpoint holds.
        if (e.is_install())
            out += format("install %zu %d %llu %llu %ld\n", e.stage, e.failed,
                          phase == Phase::act ? 0 : number,
                          static_cast<unsigned long long>(e.replaces), e.instances);
        else
            out += format("erase %zu %d %llu %zu\n", e.stage, e.failed, number,
                          e.replaced_by ? elements_[*e.replaced_by]->stage + 1 : 0);
        if (e.is_install())
            changes.adds.push_back(e.package.name);
        else
            changes.removes.push_back(e.number);
        if (e.replaces) changes.removes.push_back(e.replaces);
    }
    for (const auto& [number, place] : post_triggers_)
        out += format("posttrigger %llu %zu\n", static_cast<unsigned long long>(number), place);
    RpmCheckpoint database(db_.get(), std::move(changes));
    return transaction_->save(database, out);
}

// Everything is decided: from here on the transaction goes forward.
Status Run::begin() {
    tid_ = static_cast<uint32_t>(time(nullptr));
    if (!db_) {
        TRY_SET(db_, RpmDatabase::open(root_, RpmDatabase::Access::write));
    }
    for (size_t i : order_) TRY(save_element(*elements_[i]));
    return save(Phase::act);
}

Status Run::open() {
    for (const char* d : {"/var", "/var/lib", "/var/lib/pkg"}) {
        TRY_SET(bool there, root_.exists(d));
        if (!there) made_dirs_.push_back(d);
    }
    transaction_ = std::make_unique<Transaction>(root_, kRpmTransaction);
    scripts_ = std::make_unique<ScriptHost>(root_, kRpmTransaction, options_.script_limit_s);
    TRY_SET(bool there, RpmDatabase::exists(root_));
    TRY_SET(bool pending, Transaction::is_pending(root_, kRpmTransaction));
    TRY_SET(bool left, root_.exists(kRpmTransaction));
    if (!there && !pending) {
        // A new database, whose lock would be taken, is made when there is something to write into
        // it.
        if (left) TRY(Transaction::rewind(root_, RpmCheckpoint(nullptr, {})));
        return load_installed();
    }
    if (left) {
        // Under rpm's lock, and before anything is read.
        auto lock =
            RpmDatabase::open(root_, RpmDatabase::Access::write, RpmDatabase::Tables::later);
        if (!lock) return std::unexpected(lock.error());
        TRY_SET(bool resumes, Transaction::rewind(root_, RpmCheckpoint(nullptr, {})));
        TRY((*lock)->make_ready());
        db_ = std::move(*lock);
        TRY(load_installed());
        if (resumes) TRY(resume());
        return load_installed();
    }
    TRY_SET(db_, RpmDatabase::open(root_, RpmDatabase::Access::write));
    return load_installed();
}

Status Run::resume() {
    TRY_SET(auto saved, transaction_->resume());
    redo_ = true;
    Phase phase = Phase::done;
    std::vector<std::string> lines;
    for (std::string_view line : split_lines(saved.state)) lines.emplace_back(line);
    lines.insert(lines.end(), saved.log.begin(), saved.log.end());
    const InstallOptions kept = options_;
    std::vector<std::pair<size_t, size_t>> replacers;
    for (const std::string& line : lines) {
        auto w = split_words(line);
        auto bad = [&] { return fail("the journal has the line '%s'", line.c_str()); };
        if (w.size() < 2) return bad();
        std::vector<unsigned long long> n(w.size());
        for (size_t i = 1; i < w.size(); i++)
            if (w[0] != "phase" && !parse_u64(w[i], n[i])) return bad();
        if (w[0] == "phase") {
            phase = w[1] == "act" ? Phase::act : w[1] == "after" ? Phase::after : Phase::done;
        } else if (w[0] == "options" && w.size() == 4) {
            options_.run_scripts = n[1] != 0;
            options_.script_limit_s = static_cast<unsigned>(n[2]);
            tid_ = static_cast<uint32_t>(n[3]);
        } else if ((w[0] == "install" && w.size() == 6) || (w[0] == "erase" && w.size() == 5)) {
            auto e = std::make_unique<Element>();
            e->stage = n[1];
            e->failed = n[2] != 0;
            e->number = n[3];
            if (w[0] == "install") {
                e->replaces = n[4];
                e->instances = static_cast<long>(n[5]);
            } else {
                e->kind = Element::Kind::erase;
                if (n[4]) replacers.emplace_back(elements_.size(), n[4] - 1);
                for (const Installed& p : installed_) {
                    if (p.number != e->number) continue;
                    e->package = p.package;
                    e->states = p.states;
                    e->prefixes = p.prefixes;
                }
                // Behind the first checkpoint it is gone, and only what is to follow matters.
                if (phase != Phase::act) e->failed = true;
            }
            if (e->is_install() || phase == Phase::act) TRY(load_element(*e));
            order_.push_back(elements_.size());
            elements_.push_back(std::move(e));
        } else if (w[0] == "posttrigger" && w.size() == 3) {
            post_triggers_.insert({n[1], n[2]});
        } else if (w[0] == "preun") {
            after_preun_.insert(n[1]);
        } else {
            return bad();
        }
    }
    for (auto [erased, stage] : replacers)
        for (size_t i = 0; i < elements_.size(); i++)
            if (elements_[i]->stage == stage && elements_[i]->is_install())
                elements_[erased]->replaced_by = i;
    std::string names;
    for (const auto& e : elements_)
        if (e->is_install()) names += " " + label(e->package);
    if (phase != Phase::done)
        fprintf(stderr, "pkg: going on with what was interrupted:%s\n",
                names.empty() ? " a removal" : names.c_str());
    scripts_ = std::make_unique<ScriptHost>(root_, kRpmTransaction, options_.script_limit_s);
    Status done = phase == Phase::done ? Status{} : carry_out(phase);
    TRY(finish());
    // What fails now has been unwound, or is told by the database: the run that found it goes on.
    if (!done) fprintf(stderr, "pkg: %s\n", done.error().text.c_str());
    for (const auto& f : failures_) fprintf(stderr, "pkg: %s\n", f.c_str());
    failures_.clear();
    elements_.clear();
    order_.clear();
    live_.clear();
    post_triggers_.clear();
    after_preun_.clear();
    redo_ = false;
    options_ = kept;
    scripts_ = std::make_unique<ScriptHost>(root_, kRpmTransaction, options_.script_limit_s);
    transaction_ = std::make_unique<Transaction>(root_, kRpmTransaction);
    return {};
}

Status Run::finish() {
    if (options_.settle) {
        TRY_SET(auto now, db_->all());
        TRY((*options_.settle)(now));
    }
    TRY(db_->fold());
    TRY(save(Phase::done));
    TRY(transaction_->close());
    for (auto it = made_dirs_.rbegin(); it != made_dirs_.rend(); ++it) {
        // Not empty: a package has filled it.
        (void)root_.rmdir(*it);
    }
    return {};
}

}  // namespace tenon::pkg::rpm

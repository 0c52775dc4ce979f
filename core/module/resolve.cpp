// Loading by name: find the files, plan, then commit.
//
// Theory. The commit links every module of the plan before it activates the first, so that a
// refusal finds nothing to take back but memory. When an activation fails, what this plan loaded
// goes again, newest first; a module that somebody else came to hold meanwhile stays. Two plans
// may want the same module: the one that finds it `coming` drops what it linked and plans anew,
// where it waits holding nothing.
#include <tenon/arch/relocate.h>
#include <tenon/device/device.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/module/loader.h>
#include <tenon/process/task.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

#include "core/module/module.h"
#include "core/module/plan.h"

namespace tenon::module {

namespace {

constexpr std::string_view kFolder = "/lib/modules/" TENON_RELEASE "/";
constexpr usize kMaxModuleBytes = 64 << 20;
constexpr usize kMaxIndexBytes = 8 << 20;

using PathLine = fmt::Line<256>;

// A module of the plan, with its file.
struct FileNode : PlanNode {
    FileBytes file;
    char name_text[56] = {};
    std::unique_ptr<char[]> info_text;
    std::unique_ptr<FileNode> next;
    // How far the commit came with it; `module` is good while it is linked and not active.
    enum class Stage : u8 { none, linked, active } stage = Stage::none;
    Module* module = nullptr;
};

class FileSource final : public PlanSource {
  public:
    ~FileSource() {
        // One after the other: a chain of unique_ptr would recurse.
        while (nodes_) nodes_ = std::move(nodes_->next);
    }
    Result<PlanNode*> find(std::string_view name) override;

  private:
    Result<FileBytes> open(std::string_view name);
    Result<void> take_loaded(FileNode& node, std::string_view name);
    Result<void> take_file(FileNode& node);
    FileBytes index_;
    bool have_index_ = false;
    std::unique_ptr<FileNode> nodes_;
};

Result<FileBytes> FileSource::open(std::string_view name) {
    if (!have_index_) {
        have_index_ = true;
        if (auto index = read_whole_file(PathLine("{}modules.dep", kFolder).view(), kMaxIndexBytes))
            std::swap(index_.data, index->data), index_.size_bytes = index->size_bytes;
    }
    std::string_view rest = index_.text();
    while (!rest.empty()) {
        std::string_view line = next_line(rest);
        const std::string_view path = line.substr(0, line.find(':'));
        if (same_name(name_of_path(path), name))
            return read_whole_file(PathLine("{}{}", kFolder, path).view(), kMaxModuleBytes);
    }
    // A folder without depmod's index.
    return read_whole_file(PathLine("{}{}.ko", kFolder, name).view(), kMaxModuleBytes);
}

Result<void> FileSource::take_loaded(FileNode& node, std::string_view name) {
    Registry& r = registry();
    sync::MutexGuard guard(r.mutex);
    const Module* there = r.find(name);
    if (there == nullptr) return Err(Error::noent);
    const std::string_view version = there->modinfo.get("version");
    node.info_text.reset(new (std::nothrow) char[version.size() + 1]);
    if (!node.info_text) return Err(Error::nomem);
    std::memcpy(node.info_text.get(), version.data(), version.size());
    node.version = {node.info_text.get(), version.size()};
    node.loaded = true;
    return {};
}

Result<void> FileSource::take_file(FileNode& node) {
    char reason[300];
    fmt::BufferSink why(reason);
    auto image = ElfImage::parse(node.file.bytes(), arch::elf_machine(), why);
    if (!image) {
        log::err("module {}: {}", node.name, why.text());
        return Err(image.error());
    }
    const auto info = image->bytes(image->find_section(".modinfo"));
    node.info = Modinfo({reinterpret_cast<const char*>(info.data()), info.size()});
    node.version = node.info.get("version");
    return {};
}

Result<PlanNode*> FileSource::find(std::string_view name) {
    for (FileNode* n = nodes_.get(); n != nullptr; n = n->next.get())
        if (same_name(n->name, name)) return n;
    if (name.size() >= sizeof(FileNode::name_text)) return Err(Error::noent);
    std::unique_ptr<FileNode> node(new (std::nothrow) FileNode);
    if (!node) return Err(Error::nomem);
    std::memcpy(node->name_text, name.data(), name.size());
    node->name = {node->name_text, name.size()};
    // One that is coming will be live or gone in a moment, unless it waits for this very task.
    Registry& r = registry();
    bool mine = false;
    TRY(r.changed.wait(
        [&] {
            sync::MutexGuard guard(r.mutex);
            const Module* there = r.find(name);
            mine = there != nullptr && there->batch != nullptr && there->batch->task == current();
            return there == nullptr || there->state == State::live || mine;
        },
        sync::WaitMode::uninterruptible, sync::Deadline::after_ns(10'000'000'000)));
    if (mine) return Err(Error::deadlk);
    auto loaded = take_loaded(*node, name);
    if (!loaded) {
        if (loaded.error() != Error::noent) return Err(loaded.error());
        TRY_ASSIGN(auto file, open(name));
        std::swap(node->file.data, file.data);
        node->file.size_bytes = file.size_bytes;
        TRY(take_file(*node));
    }
    FileNode* raw = node.get();
    node->next = std::move(nodes_);
    nodes_ = std::move(node);
    return raw;
}

class Commit {
  public:
    Commit(const Plan& plan, std::string_view parameters) : plan_(plan), parameters_(parameters) {}
    TENON_NONCOPYABLE(Commit);
    // Error::again: somebody else is loading or unloading one of them; plan anew.
    Result<void> run();

  private:
    Result<void> link(FileNode& node);
    void take_back(FileNode& node);
    void drop_idle_wishes();
    FileNode& node(u32 i) const { return static_cast<FileNode&>(*plan_.order[i]); }

    const Plan& plan_;
    std::string_view parameters_;
    Batch batch_{current(), true};
};

bool is_live(std::string_view name) {
    Registry& r = registry();
    sync::MutexGuard guard(r.mutex);
    const Module* there = r.find(name);
    return there != nullptr && there->state == State::live;
}

bool providers_live(const Module& module) {
    sync::MutexGuard guard(registry().mutex);
    for (u32 i = 0; i < module.provider_count; ++i)
        if (module.providers[i]->state != State::live) return false;
    return true;
}

Result<void> Commit::link(FileNode& node) {
    auto linked = link_image(node.file.bytes(),
                             &node == plan_.root ? parameters_ : std::string_view{}, 0, batch_);
    if (linked) {
        node.module = *linked;
        node.stage = FileNode::Stage::linked;
        return {};
    }
    if (linked.error() != Error::exist) return Err(linked.error());
    // Since the plan was made.
    return is_live(node.name) ? Result<void>{} : Result<void>(Err(Error::again));
}

void Commit::take_back(FileNode& node) {
    const auto stage = std::exchange(node.stage, FileNode::Stage::none);
    if (stage == FileNode::Stage::linked) dispose(node.module);
    if (stage == FileNode::Stage::active) (void)unload(node.name, 0);
}

// What was loaded only for a wish that failed.
void Commit::drop_idle_wishes() {
    for (u32 i = plan_.count; i-- > 0;) {
        FileNode& n = node(i);
        if (n.want != PlanNode::Want::wish || n.wished || n.stage != FileNode::Stage::active)
            continue;
        bool held = false;
        with_module(
            n.name,
            [](Module& m, const ModuleInfo&, void* out) {
                *static_cast<bool*>(out) = m.references() != 0;
            },
            &held);
        if (!held) take_back(n);
    }
}

Result<void> Commit::run() {
    bool wish_failed = false;
    Result<void> result;
    for (u32 i = 0; i < plan_.count && result; ++i) {
        result = link(node(i));
        if (result || node(i).want == PlanNode::Want::need) continue;
        wish_failed = true;
        result = {};
    }
    for (u32 i = 0; i < plan_.count && result; ++i) {
        FileNode& n = node(i);
        if (n.stage != FileNode::Stage::linked) continue;
        // What it imports from may have been a wish that failed.
        result = providers_live(*n.module) ? activate(*n.module) : Result<void>(Err(Error::noent));
        if (result) {
            n.stage = FileNode::Stage::active;
        } else if (n.want == PlanNode::Want::wish) {
            wish_failed = true;
            result = {};
        }
    }
    // Newest first. Without an error: what was linked for a wish and did not come to life.
    for (u32 i = plan_.count; i-- > 0;)
        if (!result || node(i).stage == FileNode::Stage::linked) take_back(node(i));
    if (wish_failed && result) drop_idle_wishes();
    return result;
}

}  // namespace

Result<void> load_by_name(std::string_view name, std::string_view parameters) {
    constexpr u32 kPlans = 8;
    for (u32 round = 0; round < kPlans; ++round) {
        char reason[400];
        fmt::BufferSink why(reason);
        FileSource source;
        Plan plan;
        if (auto r = make_plan(source, name, plan, why); !r) {
            if (r.error() == Error::noent && request_module(name)) return {};
            if (why.text().empty())
                log::err("module {}: {}", name, r.error());
            else
                log::err("module {}: {}", name, why.text());
            return r;
        }
        auto done = Commit(plan, parameters).run();
        if (done || done.error() != Error::again) return done;
    }
    log::err("module {}: others load and unload what it needs; not loaded", name);
    return Err(Error::busy);
}

Result<void> request_module(std::string_view modalias) {
    TRY_ASSIGN(const auto index,
               read_whole_file(PathLine("{}modules.alias", kFolder).view(), kMaxIndexBytes));
    Result<void> result = Err(Error::noent);
    std::string_view rest = index.text();
    while (!rest.empty()) {
        std::string_view line = next_line(rest);
        if (next_word(line) != "alias") continue;
        const std::string_view pattern = next_word(line);
        const std::string_view name = next_word(line);
        if (name.empty() || !alias_matches(pattern, modalias)) continue;
        // A name that is its own alias would come back here for ever.
        if (same_name(name, modalias)) continue;
        auto loaded = load_by_name(name, {});
        if (loaded || !result) result = loaded;
    }
    return result;
}

u32 load_boot_modules(std::string_view manifest) {
    u32 failed = 0;
    while (!manifest.empty()) {
        std::string_view line = next_line(manifest);
        if (next_word(line) != "module") continue;
        const std::string_view name = next_word(line);
        if (name.empty()) continue;
        if (auto r = load_by_name(name, line); !r) {
            log::err("boot manifest: module {}: {}", name, r.error());
            ++failed;
        }
    }
    // Drivers that the devices found so far asked for.
    device::settle();
    return failed;
}

// Files of the root file system, as the loader reads them.

FileBytes::~FileBytes() {
    if (data != nullptr) mm::vfree(data);
}

Result<FileBytes> read_whole_file(std::string_view path, usize limit_bytes) {
    // The kernel's own view, whoever asks: a worker has no root, a program may be in a chroot.
    TRY_ASSIGN(auto fs,
               process::FsContext::create(vfs::root_of_everything(), vfs::root_of_everything()));
    const auto credentials = process::Credentials::root();
    if (!credentials) return Err(Error::nomem);
    const vfs::LookupStart start{*fs, nullptr, *credentials};
    TRY_ASSIGN(auto file, vfs::open(start, path, vfs::OpenRequest{.flags = vfs::kOpenRead}));
    const u64 size = file->inode().size_bytes.load(std::memory_order_relaxed);
    if (size > limit_bytes) return Err(Error::fbig);
    FileBytes out;
    if (size == 0) return out;
    TRY_ASSIGN(void* memory, mm::vmalloc(size));
    out.data = static_cast<u8*>(memory);
    while (out.size_bytes < size) {
        auto buffer = vfs::IoBuffer::kernel(static_cast<void*>(out.data + out.size_bytes),
                                            size - out.size_bytes);
        TRY_ASSIGN(const usize n, file->read(buffer));
        if (n == 0) break;
        out.size_bytes += n;
    }
    return out;
}

}  // namespace tenon::module

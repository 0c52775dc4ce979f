#include "pkg/lib/triggers.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

std::string in_dir(std::string_view leaf) {
    return std::string(kAdminDir) + "/triggers/" + std::string(leaf);
}

template <class T>
void add_once(std::vector<T>& list, const T& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

// "name/noawait" as the interest files have it.
std::string with_options(const std::string& package, bool await) {
    return await ? package : package + "/noawait";
}

Result<Fd> lock_triggers(Root& root) {
    TRY_SET(auto at, root.place(in_dir("Lock")));
    Fd fd(openat(at.dir_fd, at.leaf.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return fail_errno("cannot open %s", in_dir("Lock").c_str());
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    while (fcntl(fd.get(), F_SETLKW, &lock) != 0)
        if (errno != EINTR) return fail_errno("cannot lock %s", in_dir("Lock").c_str());
    return fd;
}

}  // namespace

bool valid_trigger_name(std::string_view name) {
    if (name.empty()) return false;
    for (char c : name)
        if (c <= ' ' || c >= 127) return false;
    if (name[0] == '/') return !name.ends_with('/') && !name.contains("//");
    return valid_package_name(name);
}

Status Triggers::load() {
    file_interests_.clear();
    TRY_SET(auto text, db_.root().read_if_there(in_dir("File")));
    if (!text) return {};
    for (std::string_view line : split_lines(*text)) {
        auto words = split_words(line);
        if (words.size() != 2 || words[0][0] != '/')
            return fail("%s: bad line '%s'", in_dir("File").c_str(), std::string(line).c_str());
        std::string_view who = words[1];
        size_t slash = who.find('/');
        file_interests_[std::string(words[0])].push_back(
            {std::string(who.substr(0, slash)),
             slash == std::string_view::npos || who.substr(slash) != "/noawait"});
    }
    return {};
}

Result<std::vector<Triggers::Interest>> Triggers::read_explicit(const std::string& name) {
    std::vector<Interest> out;
    TRY_SET(auto text, db_.root().read_if_there(in_dir(name)));
    if (text)
        for (std::string_view line : split_lines(*text)) {
            size_t slash = line.find('/');
            if (!trim(line).empty())
                out.push_back(
                    {std::string(line.substr(0, slash)),
                     slash == std::string_view::npos || line.substr(slash) != "/noawait"});
        }
    return out;
}

Status Triggers::write_explicit(const std::string& name, const std::vector<Interest>& list) {
    if (list.empty()) {
        TRY(db_.root().unlink(in_dir(name)));
        return {};
    }
    std::string text;
    for (const auto& i : list) text += with_options(i.package, i.await) + "\n";
    return db_.root().write_file(in_dir(name), text);
}

Status Triggers::write_files() {
    std::string text;
    for (const auto& [path, list] : file_interests_)
        for (const auto& i : list) text += path + " " + with_options(i.package, i.await) + "\n";
    if (text.empty()) {
        TRY(db_.root().unlink(in_dir("File")));
        return {};
    }
    return db_.root().write_file(in_dir("File"), text);
}

Status Triggers::add_interests(const std::vector<TriggerLine>& lines, const Package& p) {
    bool files = false;
    auto put = [&](std::vector<Interest>& list, bool await) {
        std::erase_if(list, [&](const Interest& i) { return i.package == p.display_name(); });
        list.push_back({p.display_name(), await});
    };
    for (const auto& line : lines) {
        if (line.kind != TriggerLine::Kind::interest) continue;
        if (line.name[0] == '/') {
            put(file_interests_[line.name], line.await);
            files = true;
        } else {
            TRY_SET(auto list, read_explicit(line.name));
            put(list, line.await);
            TRY(write_explicit(line.name, list));
        }
    }
    return files ? write_files() : Status();
}

Status Triggers::remove_interests(const std::vector<TriggerLine>& lines, const Package& p) {
    bool files = false;
    auto ours = [&](const Interest& i) { return i.package == p.display_name(); };
    for (const auto& line : lines) {
        if (line.kind != TriggerLine::Kind::interest) continue;
        if (line.name[0] == '/') {
            auto it = file_interests_.find(line.name);
            if (it == file_interests_.end()) continue;
            std::erase_if(it->second, ours);
            if (it->second.empty()) file_interests_.erase(it);
            files = true;
        } else {
            TRY_SET(auto list, read_explicit(line.name));
            std::erase_if(list, ours);
            TRY(write_explicit(line.name, list));
        }
    }
    return files ? write_files() : Status();
}

Status Triggers::record(const Interest& interest, std::string_view trigger, Package* awaiter) {
    Package* p = db_.find_spec(interest.package);
    // One that is not configured yet will look at everything when it is.
    if (!p || p->state < State::triggers_awaited) return {};
    std::string name(trigger);
    if (std::find(p->triggers_pending.begin(), p->triggers_pending.end(), name) ==
        p->triggers_pending.end()) {
        p->triggers_pending.push_back(name);
        if (p->state == State::installed) p->state = State::triggers_pending;
        add_once(changed_, p);
    }
    add_once(pending_, p);
    if (!awaiter || !interest.await || awaiter->state <= State::config_files) return {};
    std::string by = p->display_name();
    if (std::find(awaiter->triggers_awaited.begin(), awaiter->triggers_awaited.end(), by) ==
        awaiter->triggers_awaited.end()) {
        awaiter->triggers_awaited.push_back(by);
        if (awaiter->state > State::triggers_awaited) awaiter->state = State::triggers_awaited;
        add_once(changed_, awaiter);
    }
    return {};
}

Status Triggers::activate(std::string_view name, Package* awaiter) {
    if (!valid_trigger_name(name)) return {};
    if (name[0] == '/') return activate_path(name, awaiter);
    TRY_SET(auto list, read_explicit(std::string(name)));
    for (const auto& i : list) TRY(record(i, name, awaiter));
    return {};
}

Status Triggers::activate_path(std::string_view path, Package* awaiter) {
    if (file_interests_.empty()) return {};
    while (!path.empty()) {
        auto it = file_interests_.find(path);
        if (it != file_interests_.end())
            for (const auto& i : it->second) TRY(record(i, path, awaiter));
        size_t slash = path.rfind('/');
        if (slash == std::string_view::npos) break;
        path = path.substr(0, slash);
    }
    return {};
}

Status Triggers::activate_own(const std::vector<TriggerLine>& lines, Package& p) {
    for (const auto& line : lines)
        if (line.kind == TriggerLine::Kind::activate)
            TRY(activate(line.name, line.await ? &p : nullptr));
    return {};
}

Status Triggers::incorporate() {
    Root& root = db_.root();
    TRY_SET(bool any, root.exists(in_dir("Unincorp")));
    if (!any) return {};
    TRY_SET(Fd lock, lock_triggers(root));
    TRY_SET(auto text, root.read_if_there(in_dir("Unincorp")));
    if (!text) return {};
    for (std::string_view line : split_lines(*text)) {
        auto words = split_words(line.substr(0, line.find('#')));
        if (words.empty()) continue;
        for (size_t i = 1; i < words.size(); i++) {
            Package* awaiter = words[i] == "-" ? nullptr : db_.find_spec(words[i]);
            TRY(activate(words[0], awaiter));
        }
    }
    // Emptied, as dpkg leaves it; it lies there from the first trigger on.
    return text->empty() ? Status() : root.write_file(in_dir("Unincorp"), "");
}

std::vector<Package*> Triggers::clear_awaiters(const Package& p) {
    std::vector<Package*> out;
    std::string by = p.display_name();
    for (Package* other : db_.packages()) {
        if (!std::erase(other->triggers_awaited, by)) continue;
        if (other->triggers_awaited.empty() && other->state == State::triggers_awaited)
            other->state =
                other->triggers_pending.empty() ? State::installed : State::triggers_pending;
        out.push_back(other);
    }
    return out;
}

Status queue_trigger(Root& root, const std::string& trigger, const std::string& awaiter) {
    TRY(root.mkdir_all(in_dir(""), 0755));
    TRY_SET(Fd lock, lock_triggers(root));
    TRY_SET(auto text, root.read_if_there(in_dir("Unincorp")));
    // One line a trigger, each with all its awaiters.
    std::vector<std::string> lines;
    bool found = false;
    if (text)
        for (std::string_view line : split_lines(*text)) {
            auto words = split_words(line);
            if (words.empty()) continue;
            std::string l(line);
            if (words[0] == trigger) {
                found = true;
                if (std::find(words.begin() + 1, words.end(), awaiter) == words.end())
                    l += " " + awaiter;
            }
            lines.push_back(std::move(l));
        }
    if (!found) lines.push_back(trigger + " " + awaiter);
    return root.write_file(in_dir("Unincorp"), join(lines, "\n") + "\n");
}

}  // namespace tenon::pkg

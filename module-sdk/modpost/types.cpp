#include "types.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <unordered_map>
#include <vector>

#include "elf_file.h"

namespace modpost {

namespace {

const char* die_name(Dwarf_Die* die) {
    Dwarf_Attribute attr;
    return dwarf_attr_integrate(die, DW_AT_name, &attr) != nullptr ? dwarf_formstring(&attr)
                                                                   : nullptr;
}

bool flag(Dwarf_Die* die, unsigned at) {
    Dwarf_Attribute attr;
    bool value = false;
    return dwarf_attr(die, at, &attr) != nullptr && dwarf_formflag(&attr, &value) == 0 && value;
}

uint64_t number(Dwarf_Die* die, unsigned at, uint64_t otherwise) {
    Dwarf_Attribute attr;
    Dwarf_Word value;
    if (dwarf_attr_integrate(die, at, &attr) == nullptr) return otherwise;
    if (dwarf_formudata(&attr, &value) == 0) return value;
    Dwarf_Sword signed_value;
    if (dwarf_formsdata(&attr, &signed_value) == 0) return static_cast<uint64_t>(signed_value);
    return otherwise;
}

bool type_of(Dwarf_Die* die, Dwarf_Die* out) {
    Dwarf_Attribute attr;
    return dwarf_attr_integrate(die, DW_AT_type, &attr) != nullptr &&
           dwarf_formref_die(&attr, out) != nullptr;
}

template <typename Fn>
void for_each_child(Dwarf_Die* die, Fn fn) {
    Dwarf_Die child;
    if (dwarf_child(die, &child) != 0) return;
    do fn(&child);
    while (dwarf_siblingof(&child, &child) == 0);
}

bool is_record(int tag) {
    return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type ||
           tag == DW_TAG_enumeration_type;
}

}  // namespace

struct TypeGraph::Impl {
    // A named type: what it says itself, and whom it names.
    struct Node {
        std::string text;
        std::set<std::string> uses;
        uint32_t hash = 0;
    };
    Dwfl* dwfl = nullptr;
    std::unordered_map<std::string, Dwarf_Die> records;  // complete, by qualified name
    std::unordered_map<void*, std::string> record_names;
    std::unordered_map<std::string, Dwarf_Die> symbols;  // by linkage name
    std::map<std::string, Node> nodes;

    void read(const std::string& path);
    void walk(Dwarf_Die* die, const std::string& scope);
    std::string scope_name(Dwarf_Die* die, const std::string& scope, int anonymous);
    std::string describe(Dwarf_Die* type, std::set<std::string>& uses, int depth);
    std::string describe_signature(Dwarf_Die* die, std::set<std::string>& uses, int depth);
    std::string describe_record(Dwarf_Die* die, std::set<std::string>& uses);
    const Node& node(const std::string& name);
};

void TypeGraph::Impl::read(const std::string& path) {
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = nullptr,
    };
    dwfl = dwfl_begin(&callbacks);
    dwfl_report_begin(dwfl);
    Dwfl_Module* module = dwfl_report_offline(dwfl, "", path.c_str(), -1);
    dwfl_report_end(dwfl, nullptr, nullptr);
    if (module == nullptr) die(path + ": " + dwfl_errmsg(-1));
    Dwarf_Addr bias;
    Dwarf* dwarf = dwfl_module_getdwarf(module, &bias);
    if (dwarf == nullptr) return;
    Dwarf_CU* cu = nullptr;
    Dwarf_Die cu_die;
    while (dwarf_get_units(dwarf, cu, &cu, nullptr, nullptr, &cu_die, nullptr) == 0)
        walk(&cu_die, "");
}

std::string TypeGraph::Impl::scope_name(Dwarf_Die* die, const std::string& scope, int anonymous) {
    const char* name = die_name(die);
    std::string own = name != nullptr ? name : "{" + std::to_string(anonymous) + "}";
    return scope.empty() ? own : scope + "::" + own;
}

void TypeGraph::Impl::walk(Dwarf_Die* die, const std::string& scope) {
    int anonymous = 0;
    for_each_child(die, [&](Dwarf_Die* child) {
        const int tag = dwarf_tag(child);
        if (tag == DW_TAG_namespace) {
            walk(child, scope_name(child, scope, 0));
        } else if (is_record(tag)) {
            const std::string name = scope_name(child, scope, anonymous++);
            record_names[child->addr] = name;
            if (!flag(child, DW_AT_declaration)) records.emplace(name, *child);
            walk(child, name);
        } else if (tag == DW_TAG_subprogram || tag == DW_TAG_variable) {
            Dwarf_Attribute attr;
            const char* linkage = nullptr;
            if (dwarf_attr_integrate(child, DW_AT_linkage_name, &attr) != nullptr)
                linkage = dwarf_formstring(&attr);
            else if (scope.empty())
                linkage = die_name(child);
            if (linkage != nullptr) symbols.emplace(linkage, *child);
            // Types local to a function can stand in a signature by `auto`.
            if (tag == DW_TAG_subprogram) walk(child, scope_name(child, scope, 0) + "()");
        }
    });
}

std::string TypeGraph::Impl::describe(Dwarf_Die* type, std::set<std::string>& uses, int depth) {
    if (depth > 40) return "...";
    const int tag = dwarf_tag(type);
    Dwarf_Die target;
    const auto of = [&](const char* prefix) {
        return std::string(prefix) +
               (type_of(type, &target) ? describe(&target, uses, depth + 1) : "void");
    };
    switch (tag) {
        case DW_TAG_base_type:
        case DW_TAG_unspecified_type: {
            const char* name = die_name(type);
            return std::string(name != nullptr ? name : "?") + ":" +
                   std::to_string(number(type, DW_AT_byte_size, 0));
        }
        case DW_TAG_pointer_type:
            return of("*");
        case DW_TAG_reference_type:
            return of("&");
        case DW_TAG_rvalue_reference_type:
            return of("&&");
        case DW_TAG_const_type:
            return of("const ");
        case DW_TAG_volatile_type:
            return of("volatile ");
        case DW_TAG_atomic_type:
            return of("atomic ");
        case DW_TAG_typedef:
            return of("");
        case DW_TAG_ptr_to_member_type:
            return of("member ");
        case DW_TAG_array_type: {
            std::string text = of("array ");
            for_each_child(type, [&](Dwarf_Die* child) {
                if (dwarf_tag(child) != DW_TAG_subrange_type) return;
                text += "[" +
                        std::to_string(number(child, DW_AT_upper_bound,
                                              number(child, DW_AT_count, ~uint64_t{0}))) +
                        "]";
            });
            return text;
        }
        case DW_TAG_subroutine_type:
            return "fn" + describe_signature(type, uses, depth + 1);
        default:
            break;
    }
    if (is_record(tag)) {
        const auto known = record_names.find(type->addr);
        if (known != record_names.end()) {
            uses.insert(known->second);
            return known->second;
        }
        // Declared in a scope that was not walked (lexical block): by its own words.
        return describe_record(type, uses);
    }
    return "tag" + std::to_string(tag);
}

std::string TypeGraph::Impl::describe_signature(Dwarf_Die* die, std::set<std::string>& uses,
                                                int depth) {
    std::string text = "(";
    Dwarf_Die type;
    // A definition's parameters stand in its abstract origin or specification where it has none.
    for_each_child(die, [&](Dwarf_Die* child) {
        if (dwarf_tag(child) == DW_TAG_formal_parameter && type_of(child, &type))
            text += describe(&type, uses, depth) + ",";
        else if (dwarf_tag(child) == DW_TAG_unspecified_parameters)
            text += "...";
    });
    text += ")->";
    return text + (type_of(die, &type) ? describe(&type, uses, depth) : "void");
}

std::string TypeGraph::Impl::describe_record(Dwarf_Die* die, std::set<std::string>& uses) {
    std::string text = std::to_string(dwarf_tag(die)) + " size " +
                       std::to_string(number(die, DW_AT_byte_size, 0)) + " {";
    Dwarf_Die type;
    for_each_child(die, [&](Dwarf_Die* child) {
        const char* name = die_name(child);
        switch (dwarf_tag(child)) {
            case DW_TAG_member:
            case DW_TAG_inheritance:
                if (!type_of(child, &type)) return;
                if (dwarf_hasattr(child, DW_AT_external) != 0) return;  // static
                text += std::string(name != nullptr ? name : "") + "@" +
                        std::to_string(number(child, DW_AT_data_member_location, 0)) + "." +
                        std::to_string(number(child, DW_AT_data_bit_offset, 0)) + ":" +
                        std::to_string(number(child, DW_AT_bit_size, 0)) + " " +
                        describe(&type, uses, 0) + ";";
                return;
            case DW_TAG_enumerator:
                text += std::string(name) + "=" +
                        std::to_string(number(child, DW_AT_const_value, 0)) + ";";
                return;
            case DW_TAG_subprogram:
                if (number(child, DW_AT_virtuality, 0) != 0)
                    text += "virtual " + std::string(name != nullptr ? name : "") +
                            describe_signature(child, uses, 0) + ";";
                return;
            default:
                return;
        }
    });
    return text + "}";
}

const TypeGraph::Impl::Node& TypeGraph::Impl::node(const std::string& name) {
    const auto there = nodes.find(name);
    if (there != nodes.end()) return there->second;
    Node fresh;
    const auto record = records.find(name);
    if (record != records.end())
        fresh.text = describe_record(&record->second, fresh.uses);
    else
        fresh.text = "incomplete";
    fresh.hash = static_cast<uint32_t>(hash64(fresh.text));
    return nodes.emplace(name, std::move(fresh)).first->second;
}

TypeGraph::TypeGraph(const std::string& path) : impl_(std::make_unique<Impl>()) {
    impl_->read(path);
}

TypeGraph::~TypeGraph() {
    if (impl_->dwfl != nullptr) dwfl_end(impl_->dwfl);
}

uint32_t TypeGraph::checksum(const std::string& symbol) {
    uint64_t hash = hash64(symbol);
    const auto found = impl_->symbols.find(symbol);
    if (found != impl_->symbols.end()) {
        std::set<std::string> seen, uses;
        std::string text;
        Dwarf_Die type;
        if (dwarf_tag(&found->second) == DW_TAG_variable)
            text = type_of(&found->second, &type) ? impl_->describe(&type, uses, 0) : "?";
        else
            text = impl_->describe_signature(&found->second, uses, 0);
        hash = hash64(text, hash);
        std::vector<std::string> open(uses.begin(), uses.end());
        while (!open.empty()) {
            std::string name = std::move(open.back());
            open.pop_back();
            if (!seen.insert(name).second) continue;
            for (const auto& used : impl_->node(name).uses)
                if (!seen.contains(used)) open.push_back(used);
        }
        // std::set is sorted: the order of discovery does not matter.
        for (const auto& name : seen)
            hash = hash64(name + std::to_string(impl_->node(name).hash), hash);
    }
    const auto folded = static_cast<uint32_t>(hash ^ (hash >> 32));
    return folded == 0 ? 1 : folded;
}

std::map<std::string, uint32_t> TypeGraph::shallow_hashes() const {
    std::map<std::string, uint32_t> out;
    for (const auto& [name, record] : impl_->records)
        if (name.starts_with("tenon::") && name.find('{') == std::string::npos &&
            name.find("()") == std::string::npos)
            out.emplace(name, impl_->node(name).hash);
    return out;
}

}  // namespace modpost

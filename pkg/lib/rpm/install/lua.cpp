// <lua> scriptlets.  Spec: rpm's docs/manual/lua.md.
#include "pkg/lib/rpm/install/lua.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <type_traits>

#include "pkg/lib/rpm/install/scriptlet.h"

namespace tenon::pkg::rpm::lua {

Api api;

namespace {

// What is easier said in Lua.
constexpr const char* kPrelude = R"lua(
package.loaded.posix, package.loaded.rpm = posix, rpm
local posix, rpm, io, plain_dir, plain_mkstemp = posix, rpm, io, posix.dir, posix.mkstemp
function posix.files(path)
    local list, at = plain_dir(path), 0
    if not list then error((path or ".") .. ": cannot read the directory") end
    return function() at = at + 1; return list[at] end
end
function posix.mkstemp(template)
    local path, why, code = plain_mkstemp(template)
    if not path then return nil, why, code end
    return io.open(path, "r+"), path
end
local macros = {}
local standard = {
    _prefix = "/usr", _exec_prefix = "/usr", _bindir = "/usr/bin", _sbindir = "/usr/sbin",
    _libexecdir = "/usr/libexec", _datadir = "/usr/share", _sysconfdir = "/etc", _var = "/var",
    _localstatedir = "/var", _sharedstatedir = "/var/lib", _lib = "lib64", _libdir = "/usr/lib64",
    _mandir = "/usr/share/man", _infodir = "/usr/share/info", _includedir = "/usr/include",
    _tmppath = "/var/tmp", _unitdir = "/usr/lib/systemd/system", _host_cpu = "x86_64",
    _arch = "x86_64", _target_cpu = "x86_64", _os = "linux", _host_os = "linux",
}
local function value(name) return macros[name] or standard[name] end
function rpm.define(text)
    local name, body = text:match("^([%w_]+)%s+(.*)$")
    if not name then error("rpm.define: wrong macro definition") end
    macros[name] = body
end
function rpm.undefine(name) macros[name] = nil end
function rpm.isdefined(name) return value(name) ~= nil, false end
function rpm.expand(text)
    for _ = 1, 32 do
        local again = false
        text = text:gsub("%%%%", "\1"):gsub("%%{(%??)([%w_]+)}", function(optional, name)
            local v = value(name)
            if v then again = true; return v end
            if optional == "?" then return "" end
        end):gsub("%%([%w_]+)", function(name)
            local v = value(name)
            if v then again = true; return v end
        end)
        if not again then break end
        text = text:gsub("\1", "%%%%")
    end
    return (text:gsub("\1", "%%"))
end
function rpm.splitargs(text)
    local out = {}
    for w in text:gmatch("%S+") do out[#out + 1] = w end
    return out
end
function rpm.unsplitargs(list) return table.concat(list, " ") end
)lua";

void table_of(lua_State* l, const char* name, const Named* functions, size_t count) {
    api.createtable(l, 0, static_cast<int>(count));
    for (size_t i = 0; i < count; i++) {
        api.pushcclosure(l, functions[i].function, 0);
        api.setfield(l, -2, functions[i].name);
    }
    api.setglobal(l, name);
}

void strings(lua_State* l, const char* name, const std::vector<std::string>& values) {
    api.createtable(l, static_cast<int>(values.size()), 0);
    for (size_t i = 0; i < values.size(); i++) {
        // The counts come as numbers.
        char* end = nullptr;
        long n = strtol(values[i].c_str(), &end, 10);
        if (i > 0 && !values[i].empty() && *end == 0)
            api.pushinteger(l, n);
        else
            api.pushlstring(l, values[i].data(), values[i].size());
        api.rawseti(l, -2, static_cast<long long>(i) + 1);
    }
    api.setglobal(l, name);
}

bool chunk(lua_State* l, const std::string& name, const std::string& text) {
    constexpr const char* kTextOnly = "t";
    if (api.loadbuffer(l, text.data(), text.size(), name.c_str(), kTextOnly) == 0 &&
        api.pcall(l, 0, 0, 0, 0, nullptr) == 0)
        return true;
    const char* why = api.tolstring(l, -1, nullptr);
    fprintf(stderr, "%s: %s\n", name.c_str(), why ? why : "it failed without a word");
    return false;
}

}  // namespace

Status load() {
    static bool loaded = false;
    if (loaded) return {};
    void* library = nullptr;
    for (const char* name : {"liblua5.4.so.0", "liblua5.3.so.0", "liblua-5.4.so", "liblua-5.3.so"})
        if ((library = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
    if (!library) return fail("<lua> needs Lua's shared library (the package liblua5.3-0)");
    bool all = true;
    auto find = [&](auto& function, const char* name) {
        function =
            reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
        all &= function != nullptr;
    };
    find(api.newstate, "luaL_newstate");
    find(api.openlibs, "luaL_openlibs");
    find(api.loadbuffer, "luaL_loadbufferx");
    find(api.pcall, "lua_pcallk");
    find(api.createtable, "lua_createtable");
    find(api.setfield, "lua_setfield");
    find(api.rawseti, "lua_rawseti");
    find(api.pushcclosure, "lua_pushcclosure");
    find(api.pushstring, "lua_pushstring");
    find(api.pushlstring, "lua_pushlstring");
    find(api.pushnumber, "lua_pushnumber");
    find(api.pushinteger, "lua_pushinteger");
    find(api.pushnil, "lua_pushnil");
    find(api.setglobal, "lua_setglobal");
    find(api.gettop, "lua_gettop");
    find(api.tolstring, "lua_tolstring");
    find(api.checklstring, "luaL_checklstring");
    find(api.optlstring, "luaL_optlstring");
    find(api.checknumber, "luaL_checknumber");
    find(api.optnumber, "luaL_optnumber");
    find(api.error, "luaL_error");
    if (!all) return fail("Lua's shared library lacks functions that are needed");
    loaded = true;
    return {};
}

int run(const std::string& what, const std::string& body, const std::vector<std::string>& arguments,
        const std::vector<std::string>& prefixes) {
    lua_State* l = api.newstate();
    if (!l) return 1;
    api.openlibs(l);
    table_of(l, "posix", kPosix, kPosixCount);
    table_of(l, "rpm", kRpm, kRpmCount);
    strings(l, "arg", arguments);
    strings(l, "RPM_INSTALL_PREFIX", prefixes);
    bool good = chunk(l, "pkg", kPrelude) && chunk(l, what, body);
    fflush(nullptr);
    return good ? 0 : 1;
}

}  // namespace tenon::pkg::rpm::lua

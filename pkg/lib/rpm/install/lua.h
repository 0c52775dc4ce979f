// The functions of Lua's C interface that are used, found in the shared library at run time: no
// headers are needed, since the interface is stable from 5.3 on.  Spec: Lua 5.3 and 5.4 reference
// manuals, chapters 4 and 5.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct lua_State;

namespace tenon::pkg::rpm::lua {

using Function = int (*)(lua_State*);

struct Api {
    lua_State* (*newstate)();
    void (*openlibs)(lua_State*);
    int (*loadbuffer)(lua_State*, const char* text, size_t len, const char* name, const char* mode);
    int (*pcall)(lua_State*, int arguments, int results, int handler, intptr_t, void*);
    void (*createtable)(lua_State*, int array, int other);
    void (*setfield)(lua_State*, int at, const char* key);
    void (*rawseti)(lua_State*, int at, long long key);
    void (*pushcclosure)(lua_State*, Function, int upvalues);
    const char* (*pushstring)(lua_State*, const char*);
    const char* (*pushlstring)(lua_State*, const char*, size_t len);
    void (*pushnumber)(lua_State*, double);
    void (*pushinteger)(lua_State*, long long);
    void (*pushnil)(lua_State*);
    void (*setglobal)(lua_State*, const char* name);
    int (*gettop)(lua_State*);
    const char* (*tolstring)(lua_State*, int at, size_t* len);
    const char* (*checklstring)(lua_State*, int at, size_t* len);
    const char* (*optlstring)(lua_State*, int at, const char* otherwise, size_t* len);
    double (*checknumber)(lua_State*, int at);
    double (*optnumber)(lua_State*, int at, double otherwise);
    int (*error)(lua_State*, const char* format, ...);
};
extern Api api;

// One entry of a table of functions.
struct Named {
    const char* name;
    Function function;
};
// rpm's posix and rpm tables, without what is written in Lua (kPrelude).
extern const Named kPosix[];
extern const size_t kPosixCount;
extern const Named kRpm[];
extern const size_t kRpmCount;

}  // namespace tenon::pkg::rpm::lua

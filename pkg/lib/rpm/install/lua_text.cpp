#include "pkg/lib/rpm/install/lua_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

namespace tenon::pkg::rpm::lua {

bool parse_mode(const char* s, mode_t& mode) {
    if (*s >= '0' && *s <= '7') {
        char* end;
        mode = static_cast<mode_t>(strtoul(s, &end, 8)) & 07777;
        return *end == 0;
    }
    if (strlen(s) == 9 && strspn(s, "rwxsStT-") == 9) {
        mode_t out = 0;
        for (int i = 0; i < 9; i++) {
            char c = s[i];
            mode_t bit = 1u << (8 - i);
            if (c == '-') continue;
            if (c != 'S' && c != 'T') out |= bit;
            if (c == 's' || c == 'S') out |= i == 2 ? S_ISUID : S_ISGID;
            if (c == 't' || c == 'T') out |= S_ISVTX;
        }
        mode = out;
        return true;
    }
    while (*s) {
        mode_t who = 0;
        for (; strchr("ugoa", *s) && *s; s++)
            who |= *s == 'u' ? 04700u : *s == 'g' ? 02070u : *s == 'o' ? 01007u : 07777u;
        if (!who) who = 07777;
        char op = *s++;
        if (op != '+' && op != '-' && op != '=') return false;
        mode_t bits = 0;
        for (; *s && *s != ','; s++) {
            switch (*s) {
                case 'r':
                    bits |= 0444;
                    break;
                case 'w':
                    bits |= 0222;
                    break;
                case 'x':
                    bits |= 0111;
                    break;
                case 's':
                    bits |= 06000;
                    break;
                case 't':
                    bits |= 01000;
                    break;
                default:
                    return false;
            }
        }
        bits &= who;
        mode = op == '+' ? mode | bits : op == '-' ? mode & ~bits : (mode & ~who) | bits;
        if (*s == ',') s++;
    }
    return true;
}

bool account(const char* file, const char* key, char* line, size_t line_bytes, char** fields) {
    FILE* f = fopen(file, "re");
    if (!f) return false;
    bool found = false;
    while (!found && fgets(line, static_cast<int>(line_bytes), f)) {
        line[strcspn(line, "\n")] = 0;
        char* rest = line;
        for (int i = 0; i < 7; i++) {
            char* part = strsep(&rest, ":");
            static char empty[] = "";
            fields[i] = part ? part : empty;
        }
        found = strcmp(fields[0], key) == 0 || strcmp(fields[2], key) == 0;
    }
    fclose(f);
    if (!found) errno = ENOENT;
    return found;
}

}  // namespace tenon::pkg::rpm::lua

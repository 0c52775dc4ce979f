// A result: facts and tables, written as text or as JSON.
#pragma once

#include <stdio.h>

#include "tmod/facts.h"

namespace tmod {

class Output {
  public:
    explicit Output(bool json) : json_(json) {
        if (json_) fputs("{", stdout);
    }
    ~Output() {
        if (json_) fputs("}\n", stdout);
    }
    // One fact; `title` is its name in text, `key` in JSON.
    void fact(const char* key, const char* title, const Text& value) {
        if (json_) {
            member(key);
            quoted(value);
        } else {
            printf("%-12s %s\n", title, value.c_str());
        }
    }
    // Rows under `columns` (also the keys). In text, nothing of an empty table but `none`.
    void table(const char* key, const List& columns, const std::vector<List>& rows,
               const char* none) {
        if (json_) {
            member(key);
            fputs("[", stdout);
            for (size_t i = 0; i < rows.size(); ++i) {
                fputs(i == 0 ? "{" : ",{", stdout);
                for (size_t c = 0; c < columns.size(); ++c) {
                    if (c != 0) fputs(",", stdout);
                    quoted(columns[c]);
                    fputs(":", stdout);
                    quoted(rows[i][c]);
                }
                fputs("}", stdout);
            }
            fputs("]", stdout);
            return;
        }
        if (rows.empty()) {
            if (none != nullptr) puts(none);
            return;
        }
        row(columns, columns, rows);
        for (const List& r : rows) row(r, columns, rows);
    }
    // Only in text.
    void say(const Text& line) {
        if (!json_) puts(line.c_str());
    }

  private:
    void member(const char* key) {
        if (!first_) fputs(",", stdout);
        first_ = false;
        quoted(key);
        fputs(":", stdout);
    }
    static void quoted(const Text& text) {
        fputs("\"", stdout);
        for (const char c : text) {
            if (c == '"' || c == '\\')
                printf("\\%c", c);
            else if (static_cast<unsigned char>(c) < 0x20)
                printf("\\u%04x", c);
            else
                putchar(c);
        }
        fputs("\"", stdout);
    }
    static void row(const List& cells, const List& columns, const std::vector<List>& rows) {
        Text line;
        for (size_t c = 0; c < cells.size(); ++c) {
            size_t width = columns[c].size();
            for (const List& r : rows) width = width < r[c].size() ? r[c].size() : width;
            line += cells[c];
            if (c + 1 < cells.size()) line.append(width - cells[c].size() + 2, ' ');
        }
        puts(line.c_str());
    }
    bool json_, first_ = true;
};

}  // namespace tmod

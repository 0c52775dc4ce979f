// What rpm's database says of a package in its index tables.  Spec: what rpm 4.18 writes.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "pkg/lib/rpm/header.h"

namespace tenon::pkg::rpm {

struct IndexTable {
    const char* name;
    bool is_blob;                  // of its key
    bool key_index, number_index;  // which columns rpm makes indexes of
};
// In the order in which rpm makes them.
extern const std::vector<IndexTable> kIndexTables;

struct IndexRow {
    std::string key;
    uint32_t place = 0;  // in the tag's values
};

// The rows of one package in a table; `table` is a place in kIndexTables.
std::vector<IndexRow> index_rows(const Header& header, size_t table);

}  // namespace tenon::pkg::rpm

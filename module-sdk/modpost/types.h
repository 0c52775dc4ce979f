// The types of a linked object, from its DWARF.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace modpost {

class TypeGraph {
  public:
    // Reads everything at once. An object without debug information gives an empty graph.
    explicit TypeGraph(const std::string& path);
    ~TypeGraph();
    TypeGraph(const TypeGraph&) = delete;

    // The checksum over the type closure of a function or variable by its linkage name; 0 is never
    // a checksum. A symbol without debug information (assembly) is checked by its name alone.
    uint32_t checksum(const std::string& symbol);
    // Shallow hashes of all complete named types: name -> hash.
    std::map<std::string, uint32_t> shallow_hashes() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace modpost

// Serves the host's requests over one line until the host says power off. Runs inside process 1,
// so it also reaps every orphan.
#pragma once

#include <cstdint>

namespace tenon::agent {

enum class After { power_off, restart };

// Never returns before the host asks for a shutdown or the line is gone. `problems` is text that
// the person at the terminal should see (a module that would not load); may be empty.
After serve(const char* line_path, const char* problems);

}  // namespace tenon::agent

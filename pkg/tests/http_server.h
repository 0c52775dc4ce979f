// http_server.py for the length of a test.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tenon::pkg::test {

class HttpServer {
  public:
    ~HttpServer() { stop(); }
    // Serves `directory`, with a line for each request in `log`. Gives "http://127.0.0.1:PORT/";
    // empty when it does not start.
    std::string start(const std::string& directory, const std::string& log,
                      const std::vector<std::string>& more = {});
    void stop();

  private:
    pid_t pid_ = -1;
};

}  // namespace tenon::pkg::test

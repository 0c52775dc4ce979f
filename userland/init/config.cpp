#include "init/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tenon::init {

namespace {

char* read_file(const char* path) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    struct stat info{};
    char* text = nullptr;
    if (::fstat(fd, &info) == 0) text = static_cast<char*>(malloc(info.st_size + 1));
    if (text != nullptr) {
        const ssize_t n = ::read(fd, text, static_cast<std::size_t>(info.st_size));
        text[n > 0 ? n : 0] = '\0';
    }
    ::close(fd);
    return text;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void decode(char* text) {
    char* out = text;
    for (; *text != '\0'; ++text) {
        if (*text == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
            *out++ = static_cast<char>(hex_digit(text[1]) * 16 + hex_digit(text[2]));
            text += 2;
        } else {
            *out++ = *text;
        }
    }
    *out = '\0';
}

void apply(Config& config, const char* key, char* value) {
    if (strcmp(key, "agent") == 0) {
        decode(value);
        config.agent = value;
    } else if (strcmp(key, "then") == 0) {
        config.then_shell = strcmp(value, "shell") == 0;
    } else if (strcmp(key, "argv") == 0 && config.argc < Config::kMaxWords) {
        decode(value);
        config.argv[config.argc++] = value;
    } else if (strcmp(key, "module") == 0 && config.module_count < Config::kMaxModules) {
        char* space = strchr(value, ' ');
        char* parameters = value + strlen(value);
        if (space != nullptr) {
            *space = '\0';
            parameters = space + 1;
        }
        decode(value);
        decode(parameters);
        config.modules[config.module_count++] = {value, parameters};
    }
}

}  // namespace

Config& load_config(const char* path) {
    static Config config;
    char* text = read_file(path);
    while (text != nullptr && *text != '\0') {
        char* line = text;
        char* end = strchrnul(line, '\n');
        text = *end == '\0' ? end : end + 1;
        *end = '\0';
        if (*line == '#' || *line == '\0') continue;
        char* value = strchrnul(line, ' ');
        if (*value != '\0') *value++ = '\0';
        apply(config, line, value);
    }
    return config;
}

}  // namespace tenon::init

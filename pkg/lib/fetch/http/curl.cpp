// http and https by libcurl, several files at once.  Spec: libcurl-multi(3), RFC 9110 section 14.
//
// The library is looked for when the first such URI is met: a root that has only local sources
// needs none. Its headers say what its functions look like; both of Debian's flavours are taken.
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "pkg/lib/fetch/http.h"

namespace tenon::pkg {

namespace {

constexpr size_t kAtOnce = 8;
constexpr int kAttempts = 4;
constexpr long kConnectSeconds = 30, kStalledSeconds = 60, kMaxRedirects = 5;
constexpr int kPollMs = 200;

// The functions that are used, by their names in the header.
struct Curl {
    decltype(&curl_global_init) global_init;
    decltype(&curl_easy_init) easy_init;
    decltype(&curl_easy_cleanup) easy_cleanup;
    decltype(&curl_easy_setopt) easy_setopt;
    decltype(&curl_easy_getinfo) easy_getinfo;
    decltype(&curl_easy_strerror) easy_strerror;
    decltype(&curl_multi_init) multi_init;
    decltype(&curl_multi_cleanup) multi_cleanup;
    decltype(&curl_multi_add_handle) multi_add_handle;
    decltype(&curl_multi_remove_handle) multi_remove_handle;
    decltype(&curl_multi_perform) multi_perform;
    decltype(&curl_multi_poll) multi_poll;
    decltype(&curl_multi_info_read) multi_info_read;

    bool load() {
        void* library = nullptr;
        for (const char* name : {"libcurl-gnutls.so.4", "libcurl.so.4"})
            if ((library = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
        if (!library) return false;
        bool all = true;
        auto find = [&](auto& function, const char* name) {
            function =
                reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
            all &= function != nullptr;
        };
        find(global_init, "curl_global_init");
        find(easy_init, "curl_easy_init");
        find(easy_cleanup, "curl_easy_cleanup");
        find(easy_setopt, "curl_easy_setopt");
        find(easy_getinfo, "curl_easy_getinfo");
        find(easy_strerror, "curl_easy_strerror");
        find(multi_init, "curl_multi_init");
        find(multi_cleanup, "curl_multi_cleanup");
        find(multi_add_handle, "curl_multi_add_handle");
        find(multi_remove_handle, "curl_multi_remove_handle");
        find(multi_perform, "curl_multi_perform");
        find(multi_poll, "curl_multi_poll");
        find(multi_info_read, "curl_multi_info_read");
        return all && global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    }
};

// One job on its way.
struct Transfer {
    HttpJob* job = nullptr;
    CURL* handle = nullptr;
    uint64_t have = 0;  // bytes in the file
    int attempts = 0;
    bool too_long = false;
    int write_errno = 0;
    char message[CURL_ERROR_SIZE] = {};
};

size_t write_body(char* data, size_t one, size_t count, void* self) {
    auto* t = static_cast<Transfer*>(self);
    size_t len = one * count, done = 0;
    if (t->job->max_bytes && t->have + len > t->job->max_bytes) {
        t->too_long = true;
        return 0;
    }
    while (done < len) {
        ssize_t n =
            pwrite(t->job->file.get(), data + done, len - done, static_cast<off_t>(t->have + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            t->write_errno = errno;
            return 0;
        }
        done += static_cast<size_t>(n);
    }
    t->have += len;
    return len;
}

class CurlClient final : public HttpClient {
  public:
    explicit CurlClient(const Curl& curl) : c_(curl) {}

    void run(std::vector<HttpJob>& jobs,
             const std::function<void(uint64_t, uint64_t)>& progress) override {
        std::vector<Transfer> transfers(jobs.size());
        std::deque<Transfer*> waiting;
        for (size_t i = 0; i < jobs.size(); i++) {
            transfers[i].job = &jobs[i];
            if (!prepare(transfers[i])) waiting.push_back(&transfers[i]);
        }
        CURLM* multi = c_.multi_init();
        size_t running = 0;
        while (running || !waiting.empty()) {
            while (running < kAtOnce && !waiting.empty()) {
                Transfer* t = waiting.front();
                waiting.pop_front();
                if (start(multi, *t)) running++;
            }
            int still = 0;
            c_.multi_perform(multi, &still);
            int left = 0;
            while (CURLMsg* m = c_.multi_info_read(multi, &left)) {
                if (m->msg != CURLMSG_DONE) continue;
                CURLcode code = m->data.result;
                Transfer* t = nullptr;
                for (Transfer& other : transfers)
                    if (other.handle == m->easy_handle) t = &other;
                c_.multi_remove_handle(multi, m->easy_handle);
                running--;
                if (t && again(*t, code)) waiting.push_back(t);
            }
            if (progress) report(transfers, progress);
            if (running) c_.multi_poll(multi, nullptr, 0, kPollMs, nullptr);
        }
        c_.multi_cleanup(multi);
    }

  private:
    static void report(const std::vector<Transfer>& transfers,
                       const std::function<void(uint64_t, uint64_t)>& progress) {
        uint64_t here = 0, all = 0;
        for (const Transfer& t : transfers) {
            here += t.have;
            all += std::max(t.have, t.job->size_bytes);
        }
        progress(here, all);
    }

    // True when nothing has to be fetched, or nothing can be.
    static bool prepare(Transfer& t) {
        struct stat st;
        if (fstat(t.job->file.get(), &st) != 0) {
            t.job->status = fail_errno("cannot stat the partial file");
            return true;
        }
        t.have = static_cast<uint64_t>(st.st_size);
        if (t.job->size_bytes == 0 || t.have > t.job->size_bytes) return restart(t);
        t.job->resumed = t.have != 0;
        return t.have == t.job->size_bytes;
    }

    // From the first byte. True when that cannot be.
    static bool restart(Transfer& t) {
        t.have = 0;
        t.job->resumed = false;
        if (ftruncate(t.job->file.get(), 0) == 0) return false;
        t.job->status = fail_errno("cannot empty the partial file");
        return true;
    }

    bool start(CURLM* multi, Transfer& t) {
        CURL* h = t.handle = c_.easy_init();
        if (!h) {
            t.job->status = fail("libcurl has no memory");
            return false;
        }
        bool secure = t.job->uri.starts_with("https:");
        t.attempts++;
        t.message[0] = 0;
        c_.easy_setopt(h, CURLOPT_URL, t.job->uri.c_str());
        c_.easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
        // What began encrypted stays so.
        c_.easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
        c_.easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
        c_.easy_setopt(h, CURLOPT_MAXREDIRS, kMaxRedirects);
        c_.easy_setopt(h, CURLOPT_FAILONERROR, 1L);
        c_.easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
        c_.easy_setopt(h, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
        c_.easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
        c_.easy_setopt(h, CURLOPT_LOW_SPEED_TIME, kStalledSeconds);
        c_.easy_setopt(h, CURLOPT_USERAGENT, "pkg/0.1");
        c_.easy_setopt(h, CURLOPT_ERRORBUFFER, t.message);
        c_.easy_setopt(h, CURLOPT_WRITEFUNCTION, write_body);
        c_.easy_setopt(h, CURLOPT_WRITEDATA, &t);
        if (t.have) c_.easy_setopt(h, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(t.have));
        if (c_.multi_add_handle(multi, h) == CURLM_OK) return true;
        t.job->status = fail("libcurl does not take the transfer");
        finish(t);
        return false;
    }

    void finish(Transfer& t) {
        c_.easy_cleanup(t.handle);
        t.handle = nullptr;
    }

    // Judges a transfer that has ended. True when it is to be tried again.
    bool again(Transfer& t, CURLcode code) {
        long response = 0;
        c_.easy_getinfo(t.handle, CURLINFO_RESPONSE_CODE, &response);
        finish(t);
        HttpJob& job = *t.job;
        bool complete = job.size_bytes == 0 || t.have == job.size_bytes;
        if (code == CURLE_OK && complete) return false;
        // Its server knows no ranges, or has another file by now.
        bool range = code == CURLE_RANGE_ERROR || response == 416;
        if (range && t.job->resumed && t.attempts < kAttempts) return !restart(t);
        bool transient = code == CURLE_OK || code == CURLE_COULDNT_CONNECT ||
                         code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
                         code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING ||
                         code == CURLE_OPERATION_TIMEDOUT || response == 429 || response >= 500;
        if (transient && t.attempts < kAttempts) {
            job.resumed = t.have != 0;
            return true;
        }
        job.not_found = response == 404 || response == 410;
        if (t.too_long)
            job.status = fail("it is longer than it should be");
        else if (t.write_errno)
            errno = t.write_errno, job.status = fail_errno("cannot write the partial file");
        else if (code == CURLE_OK)
            job.status =
                fail("it ends after %llu of %llu bytes", static_cast<unsigned long long>(t.have),
                     static_cast<unsigned long long>(job.size_bytes));
        else
            job.status = fail("%s", t.message[0] ? t.message : c_.easy_strerror(code));
        return false;
    }

    const Curl& c_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_http_client() {
    static Curl curl;
    static const bool loaded = curl.load();
    if (!loaded) return fail("http and https need libcurl (the package libcurl3-gnutls)");
    return std::make_unique<CurlClient>(curl);
}

}  // namespace tenon::pkg

#include "pkg/cmd/source_news.h"

#include <stdio.h>

#include "pkg/lib/text.h"

namespace tenon::pkg {

static void report(const Options& o, const SourceNews& news, const Error* error) {
    if (!o.report) return;
    o.report->add("sources", JsonObject{{"source", news.source},
                                        {"ok", !error},
                                        {"error", error ? Json(error->text) : Json()},
                                        {"changed", !error && !news.unchanged},
                                        {"packages", Json::count(news.packages)},
                                        {"signed_by", Json::or_null(news.signer)},
                                        {"warnings", Json::strings(news.warnings)}});
}

void tell(const Options& o, const SourceNews& news) {
    report(o, news, nullptr);
    fflush(stdout);
    for (const auto& w : news.warnings)
        fprintf(stderr, "pkg: warning: %s: %s\n", news.source.c_str(), w.c_str());
    const std::string what = news.unchanged ? "no change" : format("%zu packages", news.packages);
    printf("%s: %s, %s\n", news.source.c_str(), what.c_str(),
           news.signer.empty() ? "trusted unsigned" : ("signed by " + news.signer).c_str());
}

void tell_failure(const Options& o, const std::string& source, const Error& error) {
    report(o, {.source = source, .signer = {}}, &error);
    fflush(stdout);
    fprintf(stderr, "pkg: %s\n", error.text.c_str());
}

}  // namespace tenon::pkg

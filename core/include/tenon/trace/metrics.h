// One typed registry of metrics: counters, gauges, histograms, readable as text in Prometheus
// format.
#pragma once

#include <tenon/lib/format.h>

#include <atomic>

namespace tenon::metrics {

enum class Kind : u8 { counter, gauge };

// A named number. Static in the core (registered at first use by init), or a member of a module's
// object.
class Metric {
  public:
    // `name` as Prometheus wants it ("tenon_module_restarts_total"); both strings must outlive the
    // metric.
    constexpr Metric(Kind kind, const char* name, const char* help)
        : name_(name), help_(help), kind_(kind) {}
    TENON_NONCOPYABLE(Metric);
    void add(i64 n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
    void set(i64 n) { value_.store(n, std::memory_order_relaxed); }
    i64 value() const { return value_.load(std::memory_order_relaxed); }
    const char* name() const { return name_; }
    const char* help() const { return help_; }
    Kind kind() const { return kind_; }

  private:
    friend class Registry;
    const char* name_;
    const char* help_;
    std::atomic<i64> value_{0};
    Metric* next_ = nullptr;
    Kind kind_;
};
TENON_API void add_metric(Metric& metric);
TENON_API void remove_metric(Metric& metric);
// Writes all, in Prometheus text format.
TENON_API void write_all(fmt::Sink& sink);

}  // namespace tenon::metrics

#include <tenon/sync/mutex.h>
#include <tenon/trace/metrics.h>

namespace tenon::metrics {

namespace {
constinit sync::Mutex registry_lock{sync::LockRank::sleeping_leaf};
}

class Registry {
  public:
    static constinit Metric* first;
    static Metric*& next(Metric& m) { return m.next_; }
};
constinit Metric* Registry::first = nullptr;

void add_metric(Metric& metric) {
    sync::MutexGuard guard(registry_lock);
    Registry::next(metric) = Registry::first;
    Registry::first = &metric;
}

void remove_metric(Metric& metric) {
    sync::MutexGuard guard(registry_lock);
    for (Metric** link = &Registry::first; *link != nullptr; link = &Registry::next(**link)) {
        if (*link == &metric) {
            *link = Registry::next(metric);
            return;
        }
    }
}

void write_all(fmt::Sink& sink) {
    sync::MutexGuard guard(registry_lock);
    for (Metric* m = Registry::first; m != nullptr; m = Registry::next(*m)) {
        const char* kind = m->kind() == Kind::counter ? "counter" : "gauge";
        fmt::print(sink, "# HELP {} {}\n# TYPE {} {}\n{} {}\n", m->name(), m->help(), m->name(),
                   kind, m->name(), m->value());
    }
}

}  // namespace tenon::metrics

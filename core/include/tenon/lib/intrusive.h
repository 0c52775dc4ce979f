// Boost.Intrusive, set up for the kernel: the containers that DESIGN names, with safe-link hooks.
// What is read under RCU does not use these (plain stores do not publish): see lib/rcu_*.h.
#pragma once

#include <tenon/lib/assert.h>

#define BOOST_INTRUSIVE_SAFE_HOOK_DEFAULT_ASSERT(cond) TENON_DEBUG_ASSERT(cond)
#define BOOST_INTRUSIVE_SAFE_HOOK_DESTRUCTOR_ASSERT(cond) TENON_DEBUG_ASSERT(cond)
#define BOOST_INTRUSIVE_INVARIANT_ASSERT(cond) TENON_DEBUG_ASSERT(cond)

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

namespace tenon {

namespace bi = boost::intrusive;

using ListHook = bi::list_member_hook<bi::link_mode<bi::safe_link>>;
using SetHook = bi::set_member_hook<bi::link_mode<bi::safe_link>, bi::optimize_size<true>>;

template <typename T, ListHook T::*Member>
using List = bi::list<T, bi::member_hook<T, ListHook, Member>, bi::constant_time_size<false>>;

}  // namespace tenon

// The ways a site has to its hub: HTTPS always, and what the desired state declares beside; on what
// terms, how much of their budgets is spent, and how each of them does.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "carrier/config.h"
#include "link/outbox.h"
#include "site/context.h"

namespace lander::site {

inline constexpr std::string_view kHttps = "https";  // id and type of the one that is always there

// Core's thread only.
class Ways {
 public:
  explicit Ways(Context& context) : context_(context) {}
  base::Status load();
  void declare(const std::vector<carrier::Config>& carriers);

  struct Way {
    carrier::Config config;
    bool up = true;  // its last exchange succeeded, or there was none yet
    std::string reason;
    std::uint64_t failures = 0;  // in a row
    base::TimeUs last_contact = 0;
    double bytes_a_second = 0;  // as measured, both ways; 0: never had contact
    link::Budget budget;
  };
  const std::vector<Way>& all() const { return ways_; }
  const Way* find(const std::string& id) const;
  std::vector<link::Standing> standings() const;
  link::Standing standing(const Way& way) const;
  // How large the next message over it should be: what passes in some ten seconds, so that little
  // goes again when it is cut.
  std::size_t message_bytes(const Way& way) const;

  // What an exchange cost and how it ended. A way that has a budget is charged before it is known
  // whether the bytes arrived; durable when it returns.
  struct Exchange {
    std::size_t up = 0, down = 0;
    base::DurationUs took = 0;
    std::string failure;   // empty: it succeeded
    bool goes_on = false;  // it failed, and the same message goes on where it broke
  };
  void exchanged(const std::string& id, const Exchange& exchange);

 private:
  Context& context_;
  std::vector<Way> ways_;
  std::map<std::string, link::Budget> budgets_;  // also of ways that are not declared now
};

}  // namespace lander::site

// The site's end of what a courier carries: bundles for the hub and for other recipients that the
// tenant's trust document names, and what they say they hold.
//
// The hub gets what waits for it, as by a network: the same numbers, so exactly once whichever way
// is faster; and raw observations of the pickup lane, unless the document names recipients and not
// the hub. Another recipient gets that lane only, and the declarations that explain it: items of
// the state lane, numbered by their series' key.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "carrier/stick.h"
#include "link/link.h"
#include "site/apps.h"
#include "site/context.h"
#include "site/identity.h"

namespace lander::site {

// Core's thread only.
class Courier {
 public:
  Courier(Context& context, const Apps& apps) : context_(context), apps_(apps) {}
  base::Status load();

  // "hub", and the recipients of the trust document in force.
  std::vector<std::string> peers() const;

  // A bundle as asked; `head` is of one from this site to its hub. A bounded step: `more` in the
  // answer says that items are being made. kNotFound: the trust document names no such recipient.
  base::Result<carrier::Part> part(const carrier::PartAsked& asked, link::Bundle head,
                                   const Identity& identity);

  // What a recipient other than the hub sends back: receipts. The hub's come by Uplink. True: it
  // says that a copy of this site goes on under this epoch, so begin a new one.
  base::Result<bool> take(const std::string& peer, base::ByteView sealed, const Identity& identity);
  // What a peer holds of the pickup lane, as its receipts say that came together. What any of them
  // holds is given to no other, and may be wiped. `sent`: the peer's time of them; `takes_back`:
  // they are whole and answer what this run sent, so when they are the newest and hold less than
  // before, the peer was restored from an older copy: it gets again what it lost.
  base::Status receipted(const std::string& peer, const std::vector<link::Receipt>& receipts,
                         base::TimeUs sent, bool takes_back);

 private:
  struct Held {
    std::uint64_t epoch = 0;
    link::Ranges numbers;
    base::TimeUs sent = INT64_MIN;  // of the newest receipts of this run
  };
  base::Result<const trust::Recipient*> recipient(const std::string& peer) const;
  bool gets(const std::string& peer, std::uint8_t lane) const;
  struct Chosen {
    std::vector<std::uint64_t> numbers;
    std::size_t bytes = 0;
    std::uint64_t looked = 0;  // up to here, with those that the peer holds
    bool more = false;
  };
  base::Result<Chosen> choose(const carrier::PartAsked& asked) const;
  base::Status add_items(const carrier::PartAsked& asked, link::Bundle& bundle, carrier::Part& out);
  base::Status add_declarations(const carrier::PartAsked& asked, link::Bundle& bundle) const;
  base::Status count_left(const carrier::PartAsked& asked, carrier::Part& out) const;

  Context& context_;
  const Apps& apps_;
  std::map<std::string, Held> held_;  // by peer
};

}  // namespace lander::site

// Tells a site from its copies. A hub (or another recipient) keeps one of these for each site.
// Pure.
//
// A site counts the starts of its process and names the one before: a chain. Two machines that go
// on from one image both make the next link, and the two differ: a fork, whichever comes first and
// however late. The first one seen goes on; the other is told to begin a new epoch, with the
// receipts of the moment when the chains parted, so that nothing of either is lost or told twice.
// One machine that was restored from a backup forks as well; a clone is told from it when both go
// on: a bundle of the old chain that has heard what was sent after the new one began.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "link/link.h"

namespace lander::link {

class Instances {
 public:
  static constexpr std::size_t kMaxEpochs = 16, kMaxStarts = 64;  // the oldest go

  enum class Verdict : std::uint8_t {
    kGoesOn,  // it is who it was
    kForked,  // refuse the epoch: nothing is taken, and receipts() is what it gets
  };
  // For every bundle that was opened, before anything of it is taken. `held`: what was receipted
  // of its epoch until now. True in `changed`: persist encode().
  // `by_courier`: a stick may bring an old epoch long after a later one began, so when it came
  // tells nothing: such an epoch began, for the question of clones, when it comes another way.
  Verdict see(const Bundle& bundle, const std::vector<Receipt>& held, base::TimeUs now,
              bool& changed, bool by_courier = false);
  // Of a bundle that goes on, once: no bundle of its epoch that came before was newer, and it is
  // none of them again: by the site's starts and clock, and, where that clock was set back, by
  // what it has heard since. In memory only: after a restart the first one is.
  bool newest(const Bundle& bundle);
  // The last that came first by another way than a courier; 0: none.
  std::uint64_t newest_epoch() const;
  std::vector<Receipt> receipts(const Bundle& forked) const;
  // Two machines are alive under this site's identity: since when that is known; 0: no.
  base::TimeUs cloned_since() const { return cloned_since_; }
  void forget_clone() { cloned_since_ = 0; }  // a person saw to it

  base::Bytes encode() const;
  static base::Result<Instances> decode(base::ByteView bytes);

 private:
  struct Start {
    std::uint64_t id = 0;
    std::vector<Receipt> held;  // when it was first seen
  };
  struct Epoch {
    std::uint64_t id = 0;
    base::TimeUs began = 0;  // by the hub's clock; INT64_MAX: only couriers brought it
    std::map<std::uint64_t, Start> starts;
    // Of the newest bundle of it.
    struct Newest {
      std::uint64_t starts = 0;
      base::TimeUs sent = INT64_MIN, heard = INT64_MIN;
    } newest;
  };
  std::vector<Epoch> epochs_;  // by first sight
  base::TimeUs cloned_since_ = 0;
};

}  // namespace lander::link

// Bundles in the files of a stick, and how they come there and from there. Format:
// docs/formats/stick.md.
//
// A file's name says what is in it and the hash of its bytes: whoever reads it knows before he
// opens the bundle whether it is whole, and whoever writes goes on where he was pulled out. Nothing
// on a stick is believed: bundles are sealed and signed, names are bounded, links not followed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "link/link.h"
#include "os/folder.h"

namespace lander::carrier {

// Which bundles: of one site, one way, with one peer.
struct Place {
  std::string tenant, site;
  bool to_site = false;
  std::string peer{link::kHub};
  friend auto operator<=>(const Place&, const Place&) = default;
};

// "SERIES-LANE-FIRST-LAST-HASH.bundle".
struct BundleName {
  static constexpr std::uint8_t kNoLane = 9;
  std::uint64_t series = 0;  // from a site: the epoch; to it: when the set was made, UTC us
  std::uint8_t lane = kNoLane;
  // From a site: of the lane, these numbers: each is in the file, or had no need to be. Without a
  // lane, and to a site: the file's order in its series.
  std::uint64_t first = 0, last = 0;
  std::string hash;  // 16 hex digits: the beginning of the file's SHA-256
  friend auto operator<=>(const BundleName&, const BundleName&) = default;
};
std::string to_string(const BundleName& name);
base::Result<BundleName> parse_bundle_name(std::string_view text);
// The name of a tenant, site or peer as that of a folder on any file system, and back; nothing for
// what folder_name() does not make.
std::string folder_name(std::string_view name);
std::optional<std::string> name_of_folder(std::string_view folder);

class Stick {
 public:
  static constexpr std::size_t kMaxFiles = 100'000;
  explicit Stick(os::Folder& folder) : folder_(folder) {}

  // What says that sites of this tenant may write here without being asked. It is no secret and
  // proves nothing: what they write is sealed.
  base::Status mark(const std::string& tenant);
  bool marked(const std::string& tenant);

  struct Found {
    Place place;
    BundleName name;
    std::uint64_t bytes = 0;
  };
  struct Listing {
    std::vector<Found> files;          // by place, then name
    std::vector<std::string> ignored;  // "PATH: why", the first kMaxIgnored of them
    std::size_t ignored_count = 0;
  };
  static constexpr std::size_t kMaxIgnored = 100;
  // Of this tenant and site; empty: all. A stick without any is an empty list. kExhausted: more
  // than kMaxFiles.
  base::Result<Listing> list(std::string_view tenant = {}, std::string_view site = {});
  // kCorrupt: it is not whole.
  base::Result<base::Bytes> read(const Found& file);
  // Durable when it returns. Returns the file's name.
  base::Result<BundleName> write(const Place& place, BundleName name, base::ByteView sealed);
  base::Status remove(const Found& file);
  base::Result<std::uint64_t> free_bytes() { return folder_.free_bytes(); }

 private:
  os::Folder& folder_;
};

// --- Out: a site's bundles onto a stick

// Asked of a site: a bundle of items of one lane with numbers in (after, before), as many as fit.
// kNoLane: one without items, which tells what the site holds and how it is.
struct PartAsked {
  std::string peer;
  std::uint8_t lane = 0;
  std::uint64_t after = 0, before = INT64_MAX;
};
struct Part {
  std::uint64_t epoch = 0;
  // Of the items; without any, `last` is the last number that was looked at.
  std::uint64_t first = 0, last = 0;
  std::uint64_t items = 0;                       // 0: there are none
  base::Bytes sealed;                            // empty: without items nothing is made
  std::uint64_t items_left = 0, bytes_left = 0;  // of all lanes for this peer, after this one
  std::uint64_t receipted = 0;                   // of the lane, all up to here
  bool more = false;  // ask again after `last`: there is more, or it is being made
};
base::Bytes encode(const Part& part);
base::Result<Part> decode_part(base::ByteView bytes);

struct PickedUp {
  std::uint64_t files = 0, bytes = 0, items = 0;  // written
  std::uint64_t kept = 0;                         // files that stood there already
  std::uint64_t mended = 0;                       // files that were not whole
  std::uint64_t removed = 0;                      // files whose peer has receipted all of them
  std::uint64_t items_left = 0, bytes_left = 0;
};
// Writes what waits for `place.peer`; what the stick has already stays. `told` is called after each
// file: false stops with kUnavailable, and what was written stays. kExhausted: the stick is full.
base::Result<PickedUp> pick_up(Stick& stick, const Place& place,
                               const std::function<base::Result<Part>(const PartAsked&)>& ask,
                               const std::function<bool(const PickedUp&)>& told);

// --- In: what a stick brings

// A part of what waits for a site, as a hub answers it: ask again with `next` for the rest.
struct WayIn {
  static constexpr std::size_t kMaxNext = 128;
  std::string next;
  base::Bytes sealed;  // empty: that was all
};
base::Bytes encode(const WayIn& part);
base::Result<WayIn> decode_way_in(base::ByteView bytes);

struct Brought {
  std::uint64_t files = 0, bytes = 0;
  std::vector<std::string> refused;  // "PATH: why"
  std::size_t refused_count = 0;
};
// Gives every whole bundle of these files to `take`, in their order: sets for a site from the
// oldest on, for the newest may have been cut short.
Brought bring(Stick& stick, const Stick::Listing& listing,
              const std::function<base::Status(const Place&, base::ByteView sealed)>& take);

// Replaces what waits there for a site with the bundles that `next` makes until it has no more: the
// new set is durable before the old one goes. Returns how many there are.
base::Result<std::uint64_t> leave(
    Stick& stick, const Place& place, std::uint64_t series,
    const std::function<base::Result<std::optional<base::Bytes>>()>& next);

}  // namespace lander::carrier

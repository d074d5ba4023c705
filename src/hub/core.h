// The hub's state and rules, without threads, sockets or a clock of its own: the shell (server.h,
// or sim) calls it from one thread. What a method returned ok for is durable. What people ask for
// takes their Scope; what sites send is known by their key.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/access.h"
#include "alert/alert.h"
#include "carrier/stick.h"
#include "crypto/crypto.h"
#include "fleet/fleet.h"
#include "hub/state.h"
#include "lake/lake.h"
#include "link/brief.h"
#include "link/instances.h"
#include "link/outbox.h"
#include "link/short.h"
#include "model/history.h"
#include "model/model.h"
#include "os/clock.h"
#include "os/files.h"
#include "os/random.h"
#include "trust/trust.h"
#include "twin/twin.h"

namespace lander::hub {

// The hub's own keys and certificate authority; made at the first start, kept under DATA/identity.
struct Keys {
  crypto::PrivateKey tls, signing, sealing, authority;
  std::string tls_pem, authority_pem;
};

// Of one epoch of a site: what it tells in short messages.
struct Shorts {
  std::optional<link::ShortKeys> keys;  // made when they are needed
  std::uint64_t newest_up = 0;
  std::uint64_t counter = 0, reserved = 0;  // of the messages to the site
  link::Dictionary dictionary;
  link::Ranges noticed;     // alert items that are here in brief, and not whole
  base::Bytes last_answer;  // for what comes again: a replay must not spend a counter
  // Briefs whose entry of the dictionary is not here yet, by number.
  std::map<std::uint64_t, base::Bytes> parked;
};
inline constexpr std::size_t kMaxShorts = 4;
// Of short messages to a site: those that were given out since a copy of the hub's state was made
// are not known. Well beyond them, and within what a site tries.
inline constexpr std::uint64_t kCountersLost = 32'768;

// How a message of a site came, and what its answer may take there.
struct Way {
  enum class By : std::uint8_t { kTls, kGateway, kCourier };
  By by = By::kTls;
  std::size_t max_answer = link::kMaxBundleBytes;  // sealed
  bool sole = true;  // else other sites may be meant: what does not open is not kept for later
};

struct Site {
  SiteKey key;
  std::string key_id;  // of the device; empty: not enrolled yet
  crypto::PublicKey signing, sealing;
  base::TimeUs admitted = 0, last_contact = 0, saved_contact = 0;
  bool revoked = false;
  std::map<std::string, double> vitals;
  base::TimeUs told = 0;  // the site's clock, when it sent them
  twin::Desired desired;
  twin::Reported reported;
  alert::Book alerts{200};
  std::map<std::string, std::map<std::uint32_t, sensing::Datastream>>
      datastreams;  // id -> revision
  struct Latest {
    base::TimeUs time = 0;
    double value = 0;
  };
  std::map<std::string, Latest> latest;  // by datastream; in memory only
  struct Models {
    std::optional<model::Model> active, shadow, previous;  // without their bodies
    std::string active_digest, shadow_digest, previous_digest;
  };
  std::map<std::string, Models> models;             // by asset
  std::map<std::string, model::History> histories;  // of models, by asset
  // The link's two ends for this site.
  link::Outbox outbox{0};
  link::Receiver receiver;
  link::Instances instances;
  std::map<std::uint8_t, std::uint64_t> last_item;
  std::map<std::uint64_t, Shorts> shorts;  // by epoch of the site; the newest kMaxShorts
  std::uint64_t unparked_epoch = 0;        // whose parked messages were tried again
  std::string link_error;                  // why its last bundle was refused
  std::uint64_t reported_epoch = 0, reported_number = 0;  // the item that brought `reported`
  std::size_t events = 0;                                 // of alerts, whose records are kept
  std::vector<std::string> dropped_events;                // whose records may go
  bool rollouts_due = false;  // `reported` has not reached the rollouts yet
  bool lake_due = false;      // an event that a person made here may not be in it
};

struct Package {
  package::Package package;  // without its files' bytes
  std::uint64_t size = 0;
  base::TimeUs imported = 0;
};

struct Tenant {
  std::string name;
  std::optional<crypto::PublicKey> root;
  base::Bytes trust_document;
  trust::Document trust;
  std::map<std::string, std::unique_ptr<Site>> sites;
  std::map<std::string, trust::TokenRecord> tokens;  // by site
  std::map<std::string, Package> packages;           // by digest
  std::map<std::string, fleet::Rollout> rollouts;    // by id
};

class Core {
 public:
  struct Context {
    State& state;
    lake::Lake& lake;
    os::Files& files;
    os::Clock& clock;
    os::Random& random;
    std::string folder;  // DATA
    // Told of changes, for open consoles: tenant, event of docs/api/README.md, site.
    std::function<void(const std::string& tenant, std::string_view event, const std::string& site)>
        changed;
    std::function<void(const SiteKey& site, const alert::Event& event, const alert::Alert& alert)>
        alerted;
    fleet::ContactPlan plan;
  };
  static base::Result<std::unique_ptr<Core>> open(Context context, Keys keys);

  base::Status add_tenant(const std::string& tenant);
  bool has_tenant(const std::string& tenant) const { return tenants_.contains(tenant); }

  // --- sites ---
  base::Result<std::string> admit(const access::Scope& scope, const std::string& site,
                                  base::DurationUs valid_for);
  base::Status revoke(const access::Scope& scope, const std::string& site);
  base::Result<trust::EnrolReply> enrol(const trust::EnrolRequest& request);
  base::Result<const Site*> site(const access::Scope& scope, const std::string& site) const;
  std::vector<const Site*> sites(const access::Scope& scope) const;
  fleet::Presence presence(const Site& site) const;

  // --- the link: takes a sealed message of a site, in either envelope, and answers in the same ---
  // By TLS: of the site that holds `client_key_id`.
  base::Result<base::Bytes> exchange(const std::string& client_key_id, base::ByteView sealed);
  // By a carrier that only claims whose it is; the envelope proves it.
  // An empty answer: there is none.
  base::Result<base::Bytes> arrived(const SiteKey& claimed, base::ByteView sealed,
                                    std::size_t max_answer = link::kMaxBundleBytes,
                                    bool sole = true);
  // By a person who brings a stick of this tenant's.
  struct Brought {
    base::Bytes answer;       // for the site
    std::uint64_t items = 0;  // that no carrier had brought before
  };
  base::Result<Brought> courier(const access::Scope& scope, const std::string& site,
                                base::ByteView sealed);
  // What waits for a site, in parts, for a stick that goes there: `after` as the part before said,
  // empty for the first. Nothing is sent by it: the same goes by other carriers too.
  base::Result<carrier::WayIn> way_in(const access::Scope& scope, const std::string& site,
                                      const std::string& after);
  // The sites whose desired state declares a short-message carrier of this address (IMEI). Any
  // tenant may declare any: only the envelope tells whose a message is.
  std::vector<SiteKey> sites_of_address(std::string_view address) const;
  std::optional<std::string> address_of(const SiteKey& site) const;
  // A person saw to it that one of two machines with this site's identity is gone.
  base::Status clone_resolved(const access::Scope& scope, const std::string& site);
  bool knows(const std::string& client_key_id) const { return by_key_.count(client_key_id) > 0; }

  // --- what people change ---
  struct Applied {
    std::uint64_t revision = 0;
    std::vector<std::string> changes;
  };
  base::Result<Applied> apply_yaml(const access::Scope& scope, const std::string& site,
                                   std::string_view yaml, const std::string& file, bool dry_run);
  base::Result<alert::Alert> alert_event(const access::Scope& scope, const std::string& site,
                                         const alert::Event& event);
  base::Status set_trust(const access::Scope& scope, base::ByteView root_key_der,
                         base::ByteView signed_document);
  base::Result<const Package*> import_package(const access::Scope& scope, base::ByteView bytes);
  base::Result<const fleet::Rollout*> start_rollout(const access::Scope& scope,
                                                    const std::string& app,
                                                    const std::string& version,
                                                    std::vector<std::vector<std::string>> phases,
                                                    std::uint32_t max_failed);
  base::Result<const fleet::Rollout*> cancel_rollout(const access::Scope& scope,
                                                     const std::string& id);
  base::Result<const Tenant*> tenant(const access::Scope& scope) const;

  void tick();  // about once a second: presence, what is kept of contacts
  os::Random& random() { return context_.random; }
  base::TimeUs now() const { return context_.clock.wall_us(); }
  const Keys& keys() const { return keys_; }
  struct Stats {
    std::uint64_t bundles = 0, refused = 0, items = 0;
  };
  Stats stats() const { return stats_; }

 private:
  Core(Context context, Keys keys);
  base::Status load();
  base::Status load_site(const Record& record);
  // upkeep.cc
  bool apply(Site& site, const alert::Event& event);  // false: it was known, or is refused
  void catch_up(Site& site);                          // what failed before: tries it again

  base::Result<Site*> mutable_site(const access::Scope& scope, const std::string& site);
  Tenant* find_tenant(const std::string& tenant);

  // exchange.cc
  struct Effects;
  base::Result<base::Bytes> converse(Site& site, base::ByteView sealed, const Way& way);
  base::Result<base::Bytes> converse_bundle(Site& site, base::ByteView sealed, const Way& way);
  // False: it comes from a copy of the site, and nothing of it is taken.
  base::Result<bool> recognise(Site& site, const link::Bundle& bundle, bool by_courier);
  // `news`: it is newer than what came before, not one that comes late or again.
  base::Status take(Site& site, const link::Bundle& bundle, Way::By by, bool news);
  base::Status effect(Site& site, const link::Item& item, Effects& effects);
  base::Status take_alert_event(Site& site, const link::Item& item, Effects& effects);
  base::Status take_reported(Site& site, const link::Item& item, Effects& effects);
  static base::Status read_models(Site& site, base::ByteView body);
  void note_latest(Site& site, const link::Item& item);
  // answer.cc
  base::Result<base::Bytes> answer(Site& site, const link::Bundle& bundle, std::size_t max,
                                   bool with_items);
  link::Bundle head(const Site& site) const;  // of every bundle for it
  base::Result<base::Bytes> answer_to_copy(Site& site, const link::Bundle& bundle);
  base::Status take_receipts(Site& site, const std::vector<link::Receipt>& receipts,
                             base::TimeUs sent);
  base::Status repeat_desired(Site& site, const link::Bundle& bundle);
  base::Status add_tombstones(Site& site, link::Bundle& reply);
  base::Status renew_epoch();
  base::Status add_items(Site& site, std::size_t room, link::Bundle& reply);
  void add_blobs(Site& site, const std::vector<link::Want>& wants, std::size_t room,
                 link::Bundle& reply);
  link::Keys keys_for(const Site& site) const;

  // way_in.cc
  link::Bundle way_in_head(const Site& site) const;
  base::Result<bool> add_waiting(const Site& site, std::uint8_t lane, std::uint64_t after,
                                 link::Bundle& bundle);
  std::vector<std::string> packages_for(const Site& site);

  // shorts.cc
  base::Result<base::Bytes> converse_short(Site& site, base::ByteView sealed, bool park);
  base::Result<link::OpenedShort> open_short(Site& site, base::ByteView sealed);
  base::Status take_entries(Site& site, Shorts& shorts, const link::OpenedShort& opened,
                            const link::ShortMessage& message);
  void tell_parked(Site& site, Shorts& shorts);
  // False: nothing of it is new.
  base::Result<bool> take_short(Site& site, const link::OpenedShort& opened);
  base::Result<bool> take_briefs(Site& site, Shorts& shorts, const link::OpenedShort& opened,
                                 const link::ShortMessage& message);
  base::Result<base::Bytes> answer_short(Site& site, Shorts& shorts);
  // With what is kept of that epoch; another one may go for it.
  base::Result<Shorts*> shorts_of(Site& site, std::uint64_t epoch);
  base::Result<Shorts> kept_shorts(const Site& site, std::uint64_t epoch);
  base::Result<std::vector<Record>> counters_ahead();
  base::Status park_short(Site& site, base::ByteView sealed);
  // What was parked for want of an epoch's key or a dictionary's entry, tried again.
  base::Status unpark(Site& site, std::uint64_t epoch);
  base::Status load_shorts();
  void tell(Site& site, const alert::Event& event);

  // rollouts.cc
  base::Status assign(Tenant& tenant, const fleet::RolloutStep& step,
                      const std::vector<fleet::Rollout>& ended = {});
  base::Status advance_rollouts(Site& site);
  base::Status leave_rollouts(Tenant& tenant, const std::string& site);

  base::Status commit(const Batch& batch);
  // Makes `desired` the hub's next revision for the site and adds what that writes; commit, then
  // adopt.
  void stage(const Site& site, twin::Desired& desired, Batch& batch) const;

  Context context_;
  const Keys keys_;
  std::map<std::string, Tenant> tenants_;
  std::map<std::string, Site*> by_key_;  // device key id -> site
  std::map<SiteKey, fleet::Presence> presence_;
  base::DurationUs next_save_ = 0;
  struct Blob {
    std::string digest;
    base::Bytes bytes;
  };
  Blob last_blob_;  // a rollout sends the same package to many sites
  Stats stats_;
};

}  // namespace lander::hub

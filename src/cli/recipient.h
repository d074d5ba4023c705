// Another end of sites than the hub: a folder with keys, the cards of sites, and a lake of its own.
//
//   signing.key, sealing.key    0600
//   NAME.card                   public: IT puts it into the tenant's trust document
//   sites/SITE.card             whose bundles are taken
//   received/SITE               what was taken of a site, and which of its copies goes on
//   lake/TENANT/...             the tables
#pragma once

#include <map>
#include <string>

#include "cli/session.h"
#include "link/instances.h"
#include "link/link.h"

namespace lander::cli {

// A public card: docs/formats/trust.md.
struct Card {
  std::string kind, tenant, name;  // "recipient", "site"
  crypto::PublicKey signing, sealing;
};
// kInvalid names the file and what is wrong with it.
base::Result<Card> read_card(World& world, const std::string& path);

class Recipient {
 public:
  static base::Result<Recipient> open(World& world, const std::string& folder);

  const std::string& name() const { return card_.name; }
  // Of the cards of sites, which are of one tenant; kNotFound: there are none.
  base::Result<std::string> tenant() const;
  std::string lake_folder() const { return folder_ + "/lake"; }

  // Takes one bundle: once, and durable when it returns. Returns how many items were new.
  base::Result<std::size_t> take(const std::string& tenant, const std::string& site,
                                 base::ByteView sealed, OwnLake& lake);
  // What goes back to a site: what of it is held. Empty: nothing came from it yet.
  base::Result<base::Bytes> receipts(const std::string& site);

 private:
  struct Source {
    Card card;
    link::Receiver receiver;
    link::Instances instances;
    std::optional<link::Bundle> copy;  // came from a copy of the site: it is told so
  };
  explicit Recipient(World& world) : world_(&world) {}
  base::Result<Source*> source(const std::string& site);
  base::Status keep(const Source& source);
  link::Keys keys_for(const Source& source) const;

  World* world_;
  std::string folder_;
  Card card_;
  crypto::PrivateKey signing_, sealing_;
  std::map<std::string, Card> sites_;
  std::map<std::string, Source> sources_;
};

}  // namespace lander::cli

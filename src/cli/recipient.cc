#include "cli/recipient.h"

#include <nlohmann/json.hpp>

#include "base/cbor.h"
#include "cli/command.h"
#include "trust/trust.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kMaxCard = 16 << 10, kMaxReceived = 64 << 20;
constexpr std::uint64_t kFormat = 1;

base::Result<base::Bytes> from_base64(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return base::from_base64url(text);
}

base::Result<crypto::PublicKey> key_of(const Json& card, const char* member, crypto::KeyType type) {
  LANDER_ASSIGN(const auto der, from_base64(text_of(card, member)));
  LANDER_ASSIGN(auto key, crypto::PublicKey::from_der(der));
  if (key.type() != type)
    return Error(Code::kInvalid, std::string("\"") + member + "\" is a key of another type");
  return key;
}

base::Result<Card> parse_card(base::ByteView bytes) {
  const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  Card out;
  out.kind = text_of(json, "lander");
  out.tenant = text_of(json, "tenant");
  out.name = text_of(json, "name");
  if (out.kind != "recipient" && out.kind != "site")
    return Error(Code::kInvalid,
                 "this is no card: `lander recipient new` and `lander site card` "
                 "make them");
  LANDER_TRY(trust::valid_names(out.kind == "site" ? out.tenant : "x", out.name));
  LANDER_ASSIGN(out.signing, key_of(json, "signing", crypto::KeyType::kP256));
  LANDER_ASSIGN(out.sealing, key_of(json, "sealing", crypto::KeyType::kX25519));
  return out;
}

base::Result<crypto::PrivateKey> make_key(World& world, const std::string& path,
                                          crypto::KeyType type) {
  LANDER_ASSIGN(auto key, crypto::PrivateKey::generate(type));
  LANDER_TRY(world.files.create_durably(path, base::as_bytes(key.to_pem()), 0600));
  return key;
}

base::Result<crypto::PrivateKey> read_key(World& world, const std::string& path,
                                          crypto::KeyType type) {
  LANDER_ASSIGN(const auto pem, world.files.read(path, kMaxCard));
  auto key = crypto::PrivateKey::from_pem(base::as_text(pem));
  if (!key.ok()) return key.error().context(path);
  if (key->type() != type) return Error(Code::kInvalid, path + " is a key of another type");
  return key;
}

base::Status make(Session& session, const std::string& name, const std::string& folder) {
  World& world = session.world;
  LANDER_TRY(trust::valid_names("x", name));
  if (name == link::kHub)
    return session.usage("\"hub\" is the hub itself: choose another name for this recipient");
  if (world.files.exists(folder + "/signing.key"))
    return Error(Code::kExists, folder +
                                    " is a recipient's folder already, and keys are never "
                                    "overwritten");
  LANDER_TRY(world.files.make_folders(folder, 0700));
  LANDER_TRY(world.files.make_folders(folder + "/sites", 0700));
  LANDER_ASSIGN(const auto sealing,
                make_key(world, folder + "/sealing.key", crypto::KeyType::kX25519));
  LANDER_ASSIGN(const auto signing,
                make_key(world, folder + "/signing.key", crypto::KeyType::kP256));
  const Json card = {{"lander", "recipient"},
                     {"name", name},
                     {"signing", base::to_base64(signing.public_key().to_der())},
                     {"sealing", base::to_base64(sealing.public_key().to_der())}};
  const std::string path = folder + "/" + name + ".card";
  LANDER_TRY(world.files.write_durably(path, base::as_bytes(card.dump(2) + "\n")));
  LANDER_TRY(world.files.write_durably(folder + "/name", base::as_bytes(name)));
  if (session.json) {
    session.raw(card);
    return {};
  }
  session.say("Recipient " + name + ", signing key\n  " + fingerprint(signing.public_key().id()) +
              "\n");
  session.note("Give " + path +
               " to whoever keeps the tenant's root key: `lander trust add --key "
               "root.key --recipient " +
               name +
               ".card`.\nThe two .key files stay here, and a copy "
               "of them in a safe place: without them nothing that is on its way can be read.\n"
               "Put the card of each site into " +
               folder + "/sites (`lander site card SITE`).");
  return {};
}

}  // namespace

base::Result<Card> read_card(World& world, const std::string& path) {
  LANDER_ASSIGN(const auto bytes, world.files.read(path, kMaxCard));
  auto card = parse_card(bytes);
  if (!card.ok()) return card.error().context(path);
  return card;
}

base::Result<Recipient> Recipient::open(World& world, const std::string& folder) {
  Recipient out(world);
  out.folder_ = folder;
  const auto name = world.files.read(folder + "/name", 64);
  if (!name.ok())
    return Error(Code::kNotFound, folder +
                                      " is not a recipient's folder: `lander recipient new NAME " +
                                      folder + "` makes one");
  LANDER_ASSIGN(out.card_,
                read_card(world, folder + "/" + std::string(base::as_text(*name)) + ".card"));
  LANDER_ASSIGN(out.signing_, read_key(world, folder + "/signing.key", crypto::KeyType::kP256));
  LANDER_ASSIGN(out.sealing_, read_key(world, folder + "/sealing.key", crypto::KeyType::kX25519));
  LANDER_ASSIGN(const auto cards, world.files.list(folder + "/sites"));
  for (const std::string& file : cards) {
    LANDER_ASSIGN(auto card, read_card(world, folder + "/sites/" + file));
    if (card.kind != "site")
      return Error(Code::kInvalid, folder + "/sites/" + file + " is not the card of a site");
    out.sites_[card.name] = std::move(card);
  }
  return out;
}

base::Result<std::string> Recipient::tenant() const {
  if (sites_.empty())
    return Error(Code::kNotFound, "no card of a site is in " + folder_ +
                                      "/sites: `lander site card SITE > " + folder_ +
                                      "/sites/SITE.card`, at the hub or at the site");
  for (const auto& [site, card] : sites_)
    if (card.tenant != sites_.begin()->second.tenant)
      return Error(Code::kInvalid,
                   folder_ + "/sites has cards of two tenants: a folder is for one");
  return sites_.begin()->second.tenant;
}

link::Keys Recipient::keys_for(const Source& source) const {
  return {signing_, sealing_, source.card.signing, source.card.sealing};
}

base::Result<Recipient::Source*> Recipient::source(const std::string& site) {
  if (const auto at = sources_.find(site); at != sources_.end()) return &at->second;
  const auto card = sites_.find(site);
  if (card == sites_.end())
    return Error(Code::kNotFound, "site \"" + site + "\" has no card in " + folder_ + "/sites");
  Source out;
  out.card = card->second;
  const std::string path = folder_ + "/received/" + site;
  if (world_->files.exists(path)) {
    LANDER_ASSIGN(const auto bytes, world_->files.read(path, kMaxReceived));
    base::CborReader in(bytes);
    LANDER_TRY(in.record(3, kFormat, "what was received"));
    LANDER_ASSIGN(const auto receiver, in.bytes());
    LANDER_ASSIGN(const auto instances, in.bytes());
    LANDER_TRY(in.end());
    LANDER_ASSIGN(out.receiver, link::Receiver::decode(receiver));
    LANDER_ASSIGN(out.instances, link::Instances::decode(instances));
  }
  return &(sources_[site] = std::move(out));
}

base::Status Recipient::keep(const Source& source) {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).bytes(source.receiver.encode());
  out.bytes(source.instances.encode());
  LANDER_TRY(world_->files.make_folders(folder_ + "/received", 0700));
  return world_->files.write_durably(folder_ + "/received/" + source.card.name, out.out(), 0600);
}

base::Result<std::size_t> Recipient::take(const std::string& tenant, const std::string& site,
                                          base::ByteView sealed, OwnLake& lake) {
  LANDER_ASSIGN(Source * from, source(site));
  if (from->card.tenant != tenant)
    return Error(Code::kDenied, "the card of site \"" + site + "\" is of another tenant");
  LANDER_ASSIGN(auto bundle, link::open(sealed, keys_for(*from), {tenant, site, false, name()}));
  const base::TimeUs now = world_->clock.wall_us();
  bool changed = false;
  const auto verdict =
      from->instances.see(bundle, from->receiver.receipts(bundle.epoch), now, changed);
  if (verdict == link::Instances::Verdict::kForked) {
    LANDER_TRY(keep(*from));
    bundle.items.clear();
    from->copy = std::move(bundle);
    return Error(Code::kConflict,
                 "it comes from a copy of this site, or the site was restored from one: take the "
                 "stick back there, and it numbers anew what it has");
  }
  link::Receiver journal = from->receiver;
  std::vector<link::Item> fresh;
  changed = journal.skip(bundle.epoch, bundle.gone) || changed;
  for (auto& item : bundle.items)
    if (journal.take(bundle.epoch, item)) fresh.push_back(std::move(item));
  // The lake first: it drops what it has, so a cut before the journal only repeats the work.
  if (!fresh.empty()) LANDER_TRY(lake.ingest({tenant, site, bundle.epoch, now}, fresh));
  from->receiver = std::move(journal);
  if (changed || !fresh.empty()) LANDER_TRY(keep(*from));
  return fresh.size();
}

base::Result<base::Bytes> Recipient::receipts(const std::string& site) {
  LANDER_ASSIGN(const Source* from, source(site));
  link::Bundle out;
  out.tenant = from->card.tenant;
  out.site = site;
  out.peer = name();
  out.to_site = true;
  out.sent = world_->clock.wall_us();
  out.epoch = from->copy ? from->copy->epoch : from->receiver.newest_epoch();
  if (out.epoch == 0) return base::Bytes();
  out.receipts =
      from->copy ? from->instances.receipts(*from->copy) : from->receiver.receipts(out.epoch);
  if (from->copy) out.refused_epoch = out.epoch;
  return link::seal(out, keys_for(*from));
}

void add_recipients(Commands& commands) {
  auto* group = commands.group("recipient", "A laptop that takes sticks in by itself", kSetUp);
  auto name = std::make_shared<std::string>();
  auto folder = std::make_shared<std::string>();
  auto* making = commands.add(group, "new", "Make a recipient's keys and its card",
                              "lander recipient new ana ~/lander-ana",
                              [=](Session& session) { return make(session, *name, *folder); });
  making->add_option("NAME", *name, "What the recipient is called")->required();
  making->add_option("FOLDER", *folder, "Where its keys and its lake are kept")->required();
}

}  // namespace lander::cli
